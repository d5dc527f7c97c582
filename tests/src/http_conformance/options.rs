//! What a person says of the server that is to be asked.

use std::str::FromStr;

use clap::Parser;
use http::{HeaderName, HeaderValue, Method};

/// A header field with its value.
pub(super) type Field = (HeaderName, HeaderValue);

/// Asks a running server the statements of the Idempotency-Key draft, of Stripe's documentation and of the RFCs behind them.
///
/// In URLs and bodies, `{unique}` is replaced by a text that is another one for each new request, and the same one for its
/// retries. Requests that are answered 429 with `Retry-After` are sent again when that time is over.
#[derive(Clone, Debug, Parser)]
#[command(name = "http-conformance")]
pub struct Options {
    /// The guarded resource; with `{key}` in it, that is where the key is sent, in place of the header
    #[arg(long, value_parser = url)]
    pub url: String,
    /// The method that is guarded
    #[arg(long, default_value = "POST")]
    pub method: Method,
    /// The header that carries the key
    #[arg(long, default_value = "Idempotency-Key", value_name = "NAME")]
    pub header: HeaderName,
    /// A header that every request has, a login for instance; can be given several times
    #[arg(long, value_parser = field, value_name = "NAME: VALUE")]
    pub with: Vec<Field>,
    /// The header that makes a request another client's, in place of the one of the same name
    #[arg(long, value_parser = field, value_name = "NAME: VALUE")]
    pub other_client: Option<Field>,
    /// What is read before each new request, whose `If-Match` is then the `ETag` of the answer
    #[arg(long, value_parser = url, value_name = "URL")]
    pub if_match_from: Option<String>,
    /// What shows all that was done: its answer is another one after each request that was carried out. Nobody else may use it
    /// meanwhile
    #[arg(long, value_parser = url, value_name = "URL")]
    pub effects: Option<String>,
    /// A JSON body that succeeds
    #[arg(long, value_name = "JSON")]
    pub body: String,
    /// Another one that succeeds
    #[arg(long, value_name = "JSON")]
    pub other: String,
    /// One that is no valid request
    #[arg(long, value_name = "TEXT")]
    pub invalid: Option<String>,
    /// What a request without a key gets: the 4xx that refuses it, or `execute`
    #[arg(long, default_value = "400", value_name = "STATUS")]
    pub missing: Missing,
    /// The status of a success that is replayed; leave it out if that is the recorded one
    #[arg(long, value_parser = clap::value_parser!(u16).range(200..300), value_name = "STATUS")]
    pub replay_status: Option<u16>,
    /// What a retry gets while the first request still runs: 409 at once, or the first one's answer when it is there
    #[arg(long, default_value = "reject")]
    pub in_flight: InFlight,
    /// The header that marks a replay, or `none` if nothing does
    #[arg(long, default_value = "Idempotency-Replayed", value_name = "NAME")]
    pub marker: Marker,
}

/// What a request without a key gets.
#[derive(Clone, Copy, Debug)]
pub enum Missing {
    /// It is refused with this status.
    Refused(u16),
    /// It is carried out.
    Execute,
}

impl FromStr for Missing {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match (text, text.parse()) {
            ("execute", _) => Ok(Self::Execute),
            (_, Ok(status @ 400..500)) => Ok(Self::Refused(status)),
            _ => Err("it is `execute`, or the 4xx status that refuses it"),
        }
    }
}

/// What a retry gets while the first request still runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum InFlight {
    /// 409, at once.
    Reject,
    /// The answer of the first one.
    Wait,
}

/// How a replay is told from a first answer.
#[derive(Clone, Debug)]
pub struct Marker(pub Option<HeaderName>);

impl FromStr for Marker {
    type Err = http::header::InvalidHeaderName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "none" { Ok(Self(None)) } else { text.parse().map(|name| Self(Some(name))) }
    }
}

impl Options {
    /// Whether the key is a part of the URL.
    pub(super) fn key_in_url(&self) -> bool {
        self.url.contains("{key}")
    }
}

/// The text as it is, because braces would be escaped in what is parsed of it.
fn url(text: &str) -> Result<String, String> {
    let parsed = reqwest::Url::parse(text).map_err(|error| error.to_string())?;
    // This program is built without TLS.
    if parsed.scheme() == "http" { Ok(text.to_owned()) } else { Err("it does not begin with http://".to_owned()) }
}

fn field(text: &str) -> Result<Field, String> {
    let (name, value) = text.split_once(':').ok_or("it has no colon, write 'NAME: VALUE'")?;
    let name = name.trim().parse().map_err(|_| "in front of the colon stands no header's name")?;
    let value = value.trim().parse().map_err(|_| "behind the colon stands no header's value")?;
    Ok((name, value))
}
