//! The answer to a request that has made something.

use axum::response::{IntoResponse, Response};
use headers::{ETag, HeaderMapExt as _};
use http::header::{CONTENT_LOCATION, LOCATION};
use http::{HeaderValue, StatusCode};
use thiserror::Error;

/// 201, with where the new resource is. All of it is recorded, and replayed byte for byte.
///
/// Where the body is itself a failure (JSON that cannot be serialised), the answer is that failure and no 201.
///
/// # Examples
///
/// ```
/// use axum::Json;
/// use idem_runtime::{Created, strong_etag};
///
/// async fn add() -> axum::response::Result<Created<Json<u64>>> {
///     Ok(Created::at(format!("/v1/tasks/{}", 7))?
///         .content_location("/v1/tasks?user_id=42")?
///         .etag(strong_etag("rev2")?)
///         .body(Json(7)))
/// }
/// ```
#[derive(Clone, Debug)]
#[must_use = "it is an answer"]
pub struct Created<B = ()> {
    location: HeaderValue,
    content_location: Option<HeaderValue>,
    etag: Option<ETag>,
    body: B,
}

impl Created {
    /// `Location`: the new resource (RFC 9110, section 10.2.2).
    ///
    /// # Errors
    /// When it is no URI reference: encode what is not allowed in one as `%20` and so on.
    pub fn at(location: impl AsRef<str>) -> Result<Self, BadLocation> {
        let location = reference(location.as_ref())?;
        Ok(Self { location, content_location: None, etag: None, body: () })
    }
}

impl<B> Created<B> {
    /// `Content-Location`: the resource that the body represents (RFC 9110, section 8.7). Some APIs name the collection with
    /// it that the new resource was added to, and whose new `ETag` the answer has.
    ///
    /// # Errors
    /// When it is no URI reference.
    pub fn content_location(mut self, location: impl AsRef<str>) -> Result<Self, BadLocation> {
        self.content_location = Some(reference(location.as_ref())?);
        Ok(self)
    }

    /// `ETag`: the new state of what was changed. Make one with [`strong_etag`](crate::strong_etag).
    pub fn etag(mut self, etag: ETag) -> Self {
        self.etag = Some(etag);
        self
    }

    /// The body: `Json(..)`, or anything that is a response.
    pub fn body<C>(self, body: C) -> Created<C> {
        Created { location: self.location, content_location: self.content_location, etag: self.etag, body }
    }
}

impl<B: IntoResponse> IntoResponse for Created<B> {
    fn into_response(self) -> Response {
        let mut response = self.body.into_response();
        if !response.status().is_success() {
            return response;
        }
        *response.status_mut() = StatusCode::CREATED;
        let headers = response.headers_mut();
        headers.insert(LOCATION, self.location);
        if let Some(location) = self.content_location {
            headers.insert(CONTENT_LOCATION, location);
        }
        if let Some(etag) = self.etag {
            headers.typed_insert(etag);
        }
        response
    }
}

/// Holds to the characters of RFC 3986, and to whole escapes.
fn reference(text: &str) -> Result<HeaderValue, BadLocation> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte);
    let escaped = |rest: &str| rest.len() >= 2 && rest.bytes().take(2).all(|byte| byte.is_ascii_hexdigit());
    if text.is_empty() || !text.bytes().all(allowed) || !text.split('%').skip(1).all(escaped) {
        return Err(BadLocation(()));
    }
    HeaderValue::from_str(text).map_err(|_| BadLocation(()))
}

/// A location that is no URI reference. As a response it is a 500: the mistake is the server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a location is no URI reference: what is not allowed in one has to be percent-encoded")]
pub struct BadLocation(());

impl IntoResponse for BadLocation {
    fn into_response(self) -> Response {
        our_mistake(&self)
    }
}

/// The client can do nothing about a header that the application wrote wrongly, and is told nothing of it.
pub(super) fn our_mistake(error: &impl std::error::Error) -> Response {
    tracing::error!("{error}");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strong_etag;

    #[test]
    fn it_has_what_it_was_given() {
        let created = Created::at("/v1/tasks/7").unwrap().content_location("/v1/tasks?user_id=4%2F2").unwrap();
        let response = created.etag(strong_etag("rev2").unwrap()).body("text").into_response();
        assert_eq!(response.status(), 201);
        let header = |name| response.headers().get(name).map(|value| value.to_str().unwrap());
        assert_eq!(header("location"), Some("/v1/tasks/7"));
        assert_eq!(header("content-location"), Some("/v1/tasks?user_id=4%2F2"));
        assert_eq!((header("etag"), header("content-type")), (Some("\"rev2\""), Some("text/plain; charset=utf-8")));
        let bare = Created::at("https://example.com/7").unwrap().into_response();
        assert_eq!((bare.status().as_u16(), bare.headers().len()), (201, 1));
    }

    #[test]
    fn a_body_that_failed_is_no_success() {
        let broken = axum::Json(std::collections::HashMap::from([((1, 2), 3)]));
        assert_eq!(Created::at("/7").unwrap().body(broken).into_response().status(), 500);
    }

    #[test]
    fn what_is_no_uri_reference_is_an_error() {
        for text in ["", "/a b", "/\u{e9}", "/a\r\nset-cookie: x=1", "/\"", "/%", "/%2", "/%zz", "/a%2", "/<a>", "/\0"]
        {
            assert_eq!(Created::at(text).unwrap_err(), BadLocation(()), "{text:?}");
            assert!(Created::at("/").unwrap().content_location(text).is_err(), "{text:?}");
        }
    }
}
