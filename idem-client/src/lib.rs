//! The other side of an idempotent server: a middleware for [`reqwest`] that gives requests a key and makes retries safe.
//!
//! ```no_run
//! use idem_client::{Outcome, Retry, reqwest};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Retry::default().client(reqwest::Client::builder())?;
//! // Gets a key, and is sent until it has an answer: with the same key and the same bytes.
//! let response = client.post("https://shop.example/v1/payments").body(r#"{"amount":1250}"#).send().await?;
//! let outcome = Outcome::of(&response).expect("of every response");
//! println!("{}, after {} tries, replayed: {}", response.status(), outcome.attempts(), outcome.is_replay());
//! # Ok(())
//! # }
//! ```
//!
//! # What is sent again
//!
//! `GET`, `HEAD`, `OPTIONS`, `PUT` and `DELETE`, because of their method; `POST` and `PATCH` with a key, and never without. They get a
//! key if the caller gave none ([`Key`]). Every other method is sent once.
//!
//! | what came back | what is done |
//! |---|---|
//! | no connection, a connection that broke, no answer in time (30 s for one try), an answer to a change that broke off | again |
//! | 408, 425, 429, 5xx but 501 and 505 | again |
//! | 409 with the code `in_progress` | again |
//! | a 4xx or 5xx of which a [hint](RetryBuilder::hint) says so | again |
//! | the codes `key_reused`, `outcome_unknown`, `response_not_kept`; a 5xx that is a replay: every retry gets the same | final |
//! | everything else | final |
//!
//! A code is the member `code` of `application/problem+json` (RFC 9457); the body can still be read by the caller.
//!
//! # When
//!
//! Exponential backoff with full jitter: a random time of up to 1, 2, 4 .. 30 s. `Retry-After` is obeyed in both of its forms, as
//! seconds and as a date, up to 60 s. At most 4 tries within 120 s. All of it can be set: [`Retry::builder`].
//!
//! # What is wrong, and what comes of it
//!
//! | what | outcome |
//! |---|---|
//! | `Retry-After` in the past, or one that nobody can read | the backoff alone |
//! | `Retry-After` longer than is waited for | the answer is handed on at once, [`Stopped::ToldToWaitTooLong`] |
//! | a server that never answers | every try ends after 30 s; [`Error::NoAnswer`] with the key in its [`Outcome`] |
//! | a body that is a stream | [`Error::BodyNotRepeatable`], before anything is sent |
//! | an empty or too long key, one that is no visible ASCII or whose quotes are wrong | [`Error::IllegalKey`], before anything is sent |
//! | two keys | [`Error::TwoKeys`], before anything is sent |
//! | a redirect | followed with the key within the same origin, and never to another one: [`redirects`] |
//! | the limits are spent | the last answer is handed on as it is, or [`Error::NoAnswer`]; [`Outcome::stopped`] says which limit |
//!
//! What is logged, with [`tracing`], is the method, the host, the result and the delay of every try; never a key.
//!
//! # How often
//!
#![doc = include_str!("../docs/attempts.md")]
//!
//! # Features
//!
//! | feature | what it adds |
//! |---|---|
//! | `json` | `RequestBuilder::json` of `reqwest-middleware` |
//! | `testing` | [`testing::Tries`], which counts what goes out |
//!
//! None is on by default. TLS, HTTP/2 and the like are features of `reqwest`, which an application names itself.
#![forbid(unsafe_code)]

mod answer;
mod builder;
mod error;
mod judge;
mod key;
mod outcome;
mod redirect;
mod retry;
mod retry_after;
mod schedule;
#[cfg(feature = "testing")]
pub mod testing;
mod tries;

pub use builder::{RetryBuilder, stripe_should_retry};
pub use error::{Error, Unanswered};
pub use key::{IllegalKey, Key, KeyFormat};
pub use outcome::{Outcome, Stopped};
pub use redirect::redirects;
pub use retry::Retry;
pub use tries::Try;
// The versions that this crate speaks.
pub use reqwest;
pub use reqwest_middleware;
