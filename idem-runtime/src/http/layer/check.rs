//! Which values options can have: what `#[idempotent]` takes, too.

use std::time::Duration;

use http::{HeaderName, Method};

use super::fields;
use super::mistake::LayerMistake;
use crate::bounds::{Bounds, LARGEST_RESPONSE};

pub(super) fn duration(option: &'static str, given: Duration, bounds: Bounds) -> Option<LayerMistake> {
    let Bounds { least, most } = bounds;
    let problem = match given {
        given if given < least => format!("{given:?} is under {least:?}, the least there can be"),
        given if given > most => format!("{given:?} is over {most:?}, the most there can be"),
        _ => return None,
    };
    Some(LayerMistake::new(option, problem, shown(given.clamp(least, most))))
}

/// As it is written in Rust.
pub(super) fn shown(duration: Duration) -> String {
    match duration.subsec_millis() {
        0 => format!("Duration::from_secs({})", duration.as_secs()),
        _ => format!("Duration::from_millis({})", duration.as_millis()),
    }
}

pub(super) fn key_header(name: &str) -> Result<HeaderName, LayerMistake> {
    header("key_header", name, "key_header(\"Idempotency-Key\")", "the key", fields::unfit_for_key)
}

pub(super) fn scope_header(name: &str) -> Result<HeaderName, LayerMistake> {
    header("scope_header", name, "scope_header(\"X-Tenant\")", "the scope", fields::unfit_for_scope)
}

fn header(
    option: &'static str,
    name: &str,
    write: &str,
    role: &str,
    unfit: impl Fn(&str) -> Option<&'static str>,
) -> Result<HeaderName, LayerMistake> {
    let wrong = |problem| LayerMistake::new(option, problem, write);
    let Ok(field) = name.parse::<HeaderName>() else {
        return Err(wrong(format!("{name:?} is no name of a header (RFC 9110, section 5.1)")));
    };
    match unfit(field.as_str()) {
        Some(reason) => Err(wrong(format!("`{name}` {reason}, so it cannot be {role}"))),
        None => Ok(field),
    }
}

pub(super) fn path_parameter(name: &str) -> Option<LayerMistake> {
    parameter("key_path", name, &['{', '}', '/', '*', ':'])
}

pub(super) fn query_parameter(name: &str) -> Option<LayerMistake> {
    parameter("key_query", name, &['?', '&', '=', '#'])
}

/// The name of a parameter, without the signs that stand round it in a route or a query.
fn parameter(option: &'static str, name: &str, signs: &[char]) -> Option<LayerMistake> {
    let is_sign = |letter: char| signs.contains(&letter) || letter.is_control();
    let bare: String = name.trim().chars().filter(|letter| !is_sign(*letter)).collect();
    if !bare.is_empty() && bare == name {
        return None;
    }
    let problem =
        if name.is_empty() { "it has no name".to_owned() } else { format!("{name:?} is no parameter's name") };
    let bare = if bare.is_empty() { "id" } else { &bare };
    Some(LayerMistake::new(option, problem, format!("{option}({bare:?})")))
}

/// A JSON pointer by RFC 6901, section 3: every part after a `/`, with `~0` for `~` and `~1` for `/`. Not the whole body,
/// which `""` points to: that is neither a string nor a number of one request.
pub(super) fn pointer(text: &str) -> Option<LayerMistake> {
    let escapes_are_right = text.split('~').skip(1).all(|after| after.starts_with(['0', '1']));
    if text.starts_with('/') && escapes_are_right {
        return None;
    }
    let problem = format!("{text:?} is no JSON pointer into a body (RFC 6901)");
    Some(LayerMistake::new("key_body", problem, "key_body(\"/order/id\")"))
}

pub(super) fn operation(name: &str) -> Option<LayerMistake> {
    let problem = match name {
        name if name.trim().is_empty() => "the operation has no name",
        name if name.contains(char::is_control) => "the operation's name has a control character in it",
        _ => return None,
    };
    Some(LayerMistake::new("operation", problem, "operation(\"orders\")"))
}

pub(super) fn missing_status(status: u16) -> Option<LayerMistake> {
    let problem = format!("{status} is no 4xx status, and a missing key is the client's mistake");
    (!(400..=499).contains(&status)).then(|| LayerMistake::new("missing", problem, "missing(Missing::Refuse(428))"))
}

pub(super) fn replay_status(status: u16) -> Option<LayerMistake> {
    let problem = match status {
        204 | 205 => format!("{status} has no body, and the recorded body is replayed"),
        206 => "206 answers a request for a part".to_owned(),
        200..=299 => return None,
        _ => format!("{status} is no 2xx status, and it stands for a success"),
    };
    Some(LayerMistake::new("replay_status", problem, "replay_status(200)"))
}

pub(super) fn max_response(bytes: usize) -> Option<LayerMistake> {
    let problem = match bytes {
        0 => "no answer of 0 bytes is worth a record".to_owned(),
        1..=LARGEST_RESPONSE => return None,
        _ => format!("{bytes} bytes are more than can be recorded, {LARGEST_RESPONSE}"),
    };
    Some(LayerMistake::new("max_response", problem, "max_response(1024 * 1024)"))
}

pub(super) fn methods(methods: &[Method]) -> Option<LayerMistake> {
    let problem = match methods.iter().find(|method| method.is_safe() || **method == Method::CONNECT) {
        Some(method) if *method == Method::CONNECT => "a CONNECT opens a tunnel, which cannot be replayed".to_owned(),
        Some(method) => format!("{method} is safe (RFC 9110, section 9.2.1): repeating it needs no guard"),
        None if methods.is_empty() => "without a method, nothing is guarded".to_owned(),
        None => return None,
    };
    Some(LayerMistake::new("methods", problem, "methods([Method::POST, Method::PATCH])"))
}

pub(super) fn excepted(path: &str) -> Option<LayerMistake> {
    let problem = format!("{path:?} is no route");
    let write = format!("except(Method::POST, {:?})", format!("/{path}"));
    (!path.starts_with('/')).then(|| LayerMistake::new("except", problem, write))
}
