//! Where a key or a scope is read from: `"header:NAME"`, `"path:NAME"`, `"query:NAME"`, `"body:/json/pointer"`.

use super::{header, quantity::Malformed};
use crate::near::near;

/// A place in the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A header field; the name is in lower case.
    Header(String),
    /// A parameter of the route's path.
    Path(String),
    /// A parameter of the query.
    Query(String),
    /// A JSON pointer (RFC 6901) into the body.
    Body(String),
}

const KINDS: [&str; 4] = ["header", "path", "query", "body"];

/// Reads the source of a key.
pub(crate) fn key(text: &str) -> Result<Source, Malformed> {
    let source = read(text)?;
    match &source {
        Source::Header(name) => match header::unfit_for_key(name) {
            Some(reason) => {
                let name = text.trim_start_matches("header:");
                Err(malformed(format!("`{name}` {reason}, so it cannot be the key"), "header:Idempotency-Key"))
            }
            None => Ok(source),
        },
        _ => Ok(source),
    }
}

/// Reads the source of a scope: a header field.
pub(crate) fn scope(text: &str) -> Result<String, Malformed> {
    const EXAMPLE: &str = "header:X-Tenant";
    let offered = |malformed: Malformed| match key(&malformed.write) {
        Ok(Source::Header(name)) if name != "idempotency-key" => malformed,
        _ => Malformed { write: EXAMPLE.to_owned(), ..malformed },
    };
    match read(text).map_err(offered)? {
        Source::Header(name) => match header::unfit_for_scope(&name) {
            Some(reason) => {
                let name = text.trim_start_matches("header:");
                Err(malformed(format!("`{name}` {reason}, so it cannot be the scope"), EXAMPLE))
            }
            None => Ok(name),
        },
        _ => Err(malformed("a scope is a header, or an expression over the handler's arguments", EXAMPLE)),
    }
}

fn read(text: &str) -> Result<Source, Malformed> {
    if text.is_empty() {
        return Err(malformed("the text is empty", "header:Idempotency-Key"));
    }
    let Some((kind, name)) = text.split_once(':') else {
        return Err(match text {
            _ if text.starts_with('/') => malformed(format!("`{text}` names no source"), format!("body:{text}")),
            "body" => malformed("`body` needs a JSON pointer", "body:/id"),
            _ if KINDS.contains(&text) => {
                malformed(format!("`{text}` needs a name"), format!("{text}:{}", example(text)))
            }
            _ if header::fault(text).is_none() => {
                malformed(format!("`{text}` names no source"), format!("header:{text}"))
            }
            _ => malformed(format!("`{text}` names no source"), "header:Idempotency-Key"),
        });
    };
    if !KINDS.contains(&kind) {
        return Err(match near(kind.trim(), KINDS) {
            Some(meant) => {
                malformed(format!("`{kind}` is no source, did you mean `{meant}`?"), format!("{meant}:{}", name.trim()))
            }
            None => malformed(
                format!("`{kind}` is no source, which are `header`, `path`, `query`, `body`"),
                "header:Idempotency-Key",
            ),
        });
    }
    if name.is_empty() {
        let what = if kind == "body" { "JSON pointer" } else { "name" };
        return Err(malformed(format!("`{text}` has no {what}"), format!("{kind}:{}", example(kind))));
    }
    if name.trim() != name {
        return Err(malformed(format!("`{text}` has a space round the name"), format!("{kind}:{}", name.trim())));
    }
    match kind {
        "header" => match header::fault(name) {
            Some(problem) => {
                let mended = header::mended(name).unwrap_or_else(|| example(kind).to_owned());
                Err(malformed(problem, format!("header:{mended}")))
            }
            None => Ok(Source::Header(name.to_ascii_lowercase())),
        },
        "path" => parameter(name, "path", &['{', '}', '/', '*', ':']).map(Source::Path),
        "query" => parameter(name, "query", &['?', '&', '=', '#']).map(Source::Query),
        _ => pointer(name).map(Source::Body),
    }
}

/// The name of a parameter, without the signs that stand round it in a route or a query.
fn parameter(name: &str, kind: &str, signs: &[char]) -> Result<String, Malformed> {
    let Some(sign) = name.chars().find(|letter| signs.contains(letter) || letter.is_control()) else {
        return Ok(name.to_owned());
    };
    let bare: String = name.chars().filter(|letter| !signs.contains(letter) && !letter.is_control()).collect();
    let bare = if bare.is_empty() { example(kind).to_owned() } else { bare };
    let sign = if sign.is_control() { format!("{sign:?}") } else { format!("`{sign}`") };
    Err(malformed(format!("the {kind} parameter `{name}` is named without {sign}"), format!("{kind}:{bare}")))
}

/// A JSON pointer by RFC 6901: every part after a `/`, with `~0` for `~` and `~1` for `/`.
fn pointer(text: &str) -> Result<String, Malformed> {
    let Some(parts) = text.strip_prefix('/') else {
        let bare = text.trim_start_matches(['$', '#', '.', '/']);
        let path: String = bare.split(['.', '/']).map(|part| format!("/{part}")).collect();
        return Err(malformed(format!("the JSON pointer `{text}` does not start with `/`"), format!("body:{path}")));
    };
    let escapes = parts.split('~').skip(1);
    if escapes.into_iter().any(|after| !after.starts_with(['0', '1'])) {
        let problem = format!("the JSON pointer `{text}` has a `~` that is neither `~0` (for `~`) nor `~1` (for `/`)");
        return Err(malformed(problem, format!("body:{}", text.replace('~', "~0"))));
    }
    Ok(text.to_owned())
}

fn example(kind: &str) -> &'static str {
    match kind {
        "header" => "Idempotency-Key",
        "body" => "/id",
        _ => "id",
    }
}

fn malformed(problem: impl Into<String>, write: impl Into<String>) -> Malformed {
    let (problem, write) = (problem.into(), write.into());
    // A form is only offered if it is right itself.
    let write = if key(&write).is_ok() { write } else { "header:Idempotency-Key".to_owned() };
    Malformed { problem, write }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn wrong(text: &str, problem: &str, write: &str) {
        let malformed = key(text).expect_err(text);
        assert_eq!((malformed.problem.as_str(), malformed.write.as_str()), (problem, write), "{text}");
    }

    #[test]
    fn reads_every_source() {
        for (text, expected) in [
            ("header:Idempotency-Key", Source::Header("idempotency-key".into())),
            ("path:id", Source::Path("id".into())),
            ("path:order_id", Source::Path("order_id".into())),
            ("query:request-id", Source::Query("request-id".into())),
            ("body:/order/id", Source::Body("/order/id".into())),
            ("body:/a~1b/~0", Source::Body("/a~1b/~0".into())),
            ("body:/items/0", Source::Body("/items/0".into())),
            ("body:/", Source::Body("/".into())),
            ("body:/a:b", Source::Body("/a:b".into())),
        ] {
            assert_eq!(key(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn names_the_wrong_part() {
        wrong("", "the text is empty", "header:Idempotency-Key");
        wrong("Idempotency-Key", "`Idempotency-Key` names no source", "header:Idempotency-Key");
        wrong("/id", "`/id` names no source", "body:/id");
        wrong("header", "`header` needs a name", "header:Idempotency-Key");
        wrong("body", "`body` needs a JSON pointer", "body:/id");
        wrong("path:", "`path:` has no name", "path:id");
        wrong("body:", "`body:` has no JSON pointer", "body:/id");
        wrong("heder:X-Key", "`heder` is no source, did you mean `header`?", "header:X-Key");
        wrong("Header:X-Key", "`Header` is no source, did you mean `header`?", "header:X-Key");
        wrong(
            "cookie:sid",
            "`cookie` is no source, which are `header`, `path`, `query`, `body`",
            "header:Idempotency-Key",
        );
        wrong("header: X-Key", "`header: X-Key` has a space round the name", "header:X-Key");
        wrong("header:X Key", "the header name `X Key` has a space in it", "header:X-Key");
        wrong("header:X:Key", "the header name `X:Key` cannot have `:` in it", "header:X-Key");
        wrong("path:{id}", "the path parameter `{id}` is named without `{`", "path:id");
        wrong("path::id", "the path parameter `:id` is named without `:`", "path:id");
        wrong("query:?id", "the query parameter `?id` is named without `?`", "query:id");
    }

    #[test]
    fn holds_to_rfc_6901() {
        wrong("body:id", "the JSON pointer `id` does not start with `/`", "body:/id");
        wrong("body:order.id", "the JSON pointer `order.id` does not start with `/`", "body:/order/id");
        wrong("body:$.order.id", "the JSON pointer `$.order.id` does not start with `/`", "body:/order/id");
        let problem = "the JSON pointer `/a~b` has a `~` that is neither `~0` (for `~`) nor `~1` (for `/`)";
        wrong("body:/a~b", problem, "body:/a~0b");
        wrong(
            "body:/a~",
            "the JSON pointer `/a~` has a `~` that is neither `~0` (for `~`) nor `~1` (for `/`)",
            "body:/a~0",
        );
    }

    #[test]
    fn refuses_fields_that_are_no_keys() {
        wrong(
            "header:Content-Length",
            "`Content-Length` belongs to the connection, not to the request, so it cannot be the key",
            "header:Idempotency-Key",
        );
        wrong(
            "header:Authorization",
            "`Authorization` says who sends the request, not which request it is, so it cannot be the key",
            "header:Idempotency-Key",
        );
    }

    #[test]
    fn a_scope_is_a_header() {
        assert_eq!(scope("header:X-Tenant"), Ok("x-tenant".into()));
        assert_eq!(scope("header:Authorization"), Ok("authorization".into()));
        for text in ["path:tenant", "tenant id", "header:Date", "", "body:/tenant"] {
            assert_eq!(scope(text).expect_err(text).write, "header:X-Tenant", "{text}");
        }
        assert_eq!(scope("heder:X-User").map_err(|wrong| wrong.write), Err("header:X-User".into()));
    }

    proptest! {
        #[test]
        fn what_is_offered_is_right(text in "(header|path|query|body|hedr|Path)?:?[ -~é\t]{0,12}") {
            if let Err(malformed) = key(&text) {
                prop_assert!(key(&malformed.write).is_ok(), "{} -> {}", text, malformed.write);
            }
            if let Err(malformed) = scope(&text) {
                prop_assert!(scope(&malformed.write).is_ok(), "{} -> {}", text, malformed.write);
            }
        }
    }
}
