//! The name under which a call is shown.

use std::fmt::{self, Write as _};

use http::Method;

use crate::http::route::Route;

/// What is guarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Http,
    Job,
}

impl Kind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Job => "job",
        }
    }
}

/// The name of an operation, as the program gave it: never a path or a method that a client made up, of which there are
/// any number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Operation<'a> {
    pub(crate) kind: Kind,
    /// Empty where the operation has a name of its own.
    pub(crate) method: &'static str,
    pub(crate) name: &'a str,
}

/// Stands for every request that no route matched.
const UNMATCHED: &str = "unmatched";

impl<'a> Operation<'a> {
    pub(crate) fn of_route(route: &'a Route, method: &Method, matched_path: Option<&'a str>) -> Self {
        let (method, name) = match (route.operation.as_deref(), matched_path) {
            (Some(operation), _) => ("", operation),
            (None, Some(path)) => (known(method), path),
            (None, None) => ("", UNMATCHED),
        };
        Self { kind: Kind::Http, method, name }
    }

    pub(crate) const fn of_job(name: &'a str) -> Self {
        Self { kind: Kind::Job, method: "", name }
    }
}

/// Percent-encoded where an exposition format, or a line of a log, would need an escape: what shows it need not get that
/// right, and two operations never look alike.
impl fmt::Display for Operation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.method.is_empty() {
            f.write_str(self.method)?;
            f.write_char(' ')?;
        }
        for character in self.name.chars() {
            match character {
                '"' | '\\' | '%' => write!(f, "%{:02X}", u32::from(character))?,
                _ if character.is_control() => write!(f, "%{:02X}", u32::from(character))?,
                _ => f.write_char(character)?,
            }
        }
        Ok(())
    }
}

/// A method by its name in the registry of HTTP, or `OTHER`: a client can send any word.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::CONNECT => "CONNECT",
        Method::OPTIONS => "OPTIONS",
        Method::TRACE => "TRACE",
        Method::PATCH => "PATCH",
        _ => "OTHER",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(method: &'static str, name: &str) -> String {
        Operation { kind: Kind::Http, method, name }.to_string()
    }

    #[test]
    fn b41_a_name_needs_no_escape_wherever_it_is_shown_and_two_never_look_alike() {
        assert_eq!(shown("POST", "/orders/{id}"), "POST /orders/{id}");
        assert_eq!(shown("", "a\"b\\c\nd\r%22"), "a%22b%5Cc%0Ad%0D%2522");
        assert_eq!(shown("", "Zahlung für später"), "Zahlung für später");
    }

    #[test]
    fn b41_a_method_that_a_client_makes_up_is_one_of_them_all() {
        assert_eq!(known(&Method::POST), "POST");
        for made_up in ["PAY", "post", "CANARY-1"] {
            assert_eq!(known(&Method::from_bytes(made_up.as_bytes()).unwrap()), "OTHER");
        }
    }
}
