//! Finds the key and the scope of a request.

use axum::extract::MatchedPath;

use super::guarded::{Field, Keyed};
use super::key_header;
use super::key_text::KeyText;
use super::refusal::{Refusal, RefusalCode};
use super::route::{KeySource, ScopeSource};

/// The key, or `None` if the request has none.
pub(super) fn find(
    source: &KeySource,
    request: &mut Keyed,
    matched_path: Option<&MatchedPath>,
    from_arguments: Option<String>,
) -> Result<Option<KeyText>, Refusal> {
    match source {
        KeySource::Header(name) => match std::mem::take(&mut request.key) {
            Field::None => Ok(None),
            Field::One(value) => {
                key_header::read(value).map(Some).map_err(|why| invalid(&format!("the header `{name}`"), &why))
            }
            Field::Many => Err(invalid(&format!("the header `{name}`"), "it is sent more than once")),
        },
        KeySource::Path(name) => {
            let Some((_, value)) = request.path_params.iter().find(|(param, _)| &**param == name) else {
                let why = format!("`key = \"path:{name}\"`, but the route has no path parameter `{name}` in UTF-8");
                tracing::error!(path = matched_path.map(MatchedPath::as_str), "{why}");
                return Err(Refusal::new(RefusalCode::Misconfigured).detail_text(why));
            };
            checked(&format!("the path parameter `{name}`"), value)
        }
        KeySource::Query(name) => {
            let query = request.uri.query().unwrap_or_default();
            let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(param, _)| param == &**name);
            match (values.next(), values.next()) {
                (None, _) => Ok(None),
                (Some((_, value)), None) => checked(&format!("the query parameter `{name}`"), &value),
                (Some(_), Some(_)) => {
                    Err(invalid(&format!("the query parameter `{name}`"), "it is given more than once"))
                }
            }
        }
        KeySource::Body(pointer) => {
            let place = format!("the body's `{pointer}`");
            let Ok(body) = serde_json::from_slice::<serde_json::Value>(&request.body) else {
                return Err(invalid(&place, "the body is no JSON"));
            };
            match body.pointer(pointer) {
                None | Some(serde_json::Value::Null) => Ok(None),
                Some(serde_json::Value::String(text)) => checked(&place, text),
                Some(serde_json::Value::Number(number)) if !number.is_f64() => checked(&place, &number.to_string()),
                Some(_) => Err(invalid(&place, "it is neither a string nor an integer")),
            }
        }
        KeySource::Arguments => match from_arguments {
            // Computed by the application, so it may be of any characters and length.
            Some(key) if key.is_empty() => Err(invalid("the key computed from this request", "it is empty")),
            key => Ok(key.map(KeyText::from)),
        },
    }
}

/// The scope. One that is asked for and not there is refused: a shared one would be somebody else's.
pub(super) fn find_scope(
    source: &ScopeSource,
    request: &Keyed,
    from_arguments: Option<String>,
) -> Result<Option<String>, Refusal> {
    let missing = |detail: String| Err(Refusal::new(RefusalCode::MissingScope).detail_text(detail));
    match source {
        ScopeSource::None => Ok(None),
        ScopeSource::Header(name) => match &request.scope {
            Field::One(value) => match value.to_str().map(str::trim) {
                Ok(scope) if !scope.is_empty() => Ok(Some(scope.to_owned())),
                Ok(_) => missing(format!("the header `{name}`, which says whose key it is, is empty")),
                Err(_) => Err(Refusal::new(RefusalCode::InvalidScope)
                    .detail_text(format!("the header `{name}`, which says whose key it is, is not visible ASCII"))),
            },
            Field::None => missing(format!("the header `{name}`, which says whose key it is, is missing")),
            Field::Many => Err(Refusal::new(RefusalCode::InvalidScope)
                .detail_text(format!("the header `{name}`, which says whose key it is, is sent more than once"))),
        },
        ScopeSource::Arguments => match from_arguments {
            Some(scope) if !scope.is_empty() => Ok(Some(scope)),
            _ => missing("nothing in this request says whose key it is".to_owned()),
        },
    }
}

fn checked(place: &str, value: &str) -> Result<Option<KeyText>, Refusal> {
    key_header::check(value).map(Some).map_err(|why| invalid(place, &why))
}

fn invalid(place: &str, why: &str) -> Refusal {
    Refusal::new(RefusalCode::InvalidKey).detail_text(format!("{place} is not an idempotency key: {why}"))
}
