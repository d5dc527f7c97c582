//! The last argument of an annotated handler.

use std::sync::Arc;

use axum::RequestExt as _;
use axum::body::Body;
use axum::extract::{FromRef, FromRequest, FromRequestParts as _, MatchedPath, OriginalUri, RawPathParams};
use axum::response::{IntoResponse as _, Response};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Uri, request};
use http_body_util::BodyExt as _;

use super::execution::Execution;
use super::layer::make_way;
use super::state::RouterStateProvidesIdempotency;
use crate::Idempotency;

/// The argument `E`, and what a claim needs to know of its request.
pub struct Guarded<E> {
    value: E,
    request: Request,
}

/// What a claim needs to know of a request.
pub struct Request {
    pub(super) idempotency: Idempotency,
    pub(super) execution: Execution,
    pub(super) method: Method,
    /// As the client sent it, also below `nest`.
    pub(super) uri: Uri,
    pub(super) matched_path: Option<MatchedPath>,
    /// Decoded; empty for a route without parameters.
    pub(super) path_params: Vec<(Arc<str>, Arc<str>)>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Request(..)")
    }
}

impl<E> std::fmt::Debug for Guarded<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Guarded(..)")
    }
}

/// Takes a guarded argument apart.
pub fn open<E>(guarded: Guarded<E>) -> (Request, E) {
    (guarded.request, guarded.value)
}

impl<S, M, E> FromRequest<S, RouterStateProvidesIdempotency<M>> for Guarded<E>
where
    S: Send + Sync,
    E: FromRequest<S, M>,
    Idempotency: FromRef<S>,
{
    type Rejection = Response;

    async fn from_request(mut request: axum::extract::Request, state: &S) -> Result<Self, Response> {
        make_way(request.extensions_mut()).await;
        let (request, inner) = buffer(request, Idempotency::from_ref(state)).await?;
        match E::from_request(inner, state).await {
            Ok(value) => Ok(Self { value, request }),
            Err(rejection) => Err(rejection.into_response()),
        }
    }
}

/// Reads the body to its end, and gives what a claim needs beside the request as the handler's own extractor gets it.
pub(super) async fn buffer(
    request: axum::extract::Request,
    idempotency: Idempotency,
) -> Result<(Request, axum::extract::Request), Response> {
    // The limit is the one that axum's own extractors hold to, `DefaultBodyLimit` included.
    let (mut parts, body) = request.with_limited_body().into_parts();
    let body = match whole(body).await {
        Ok(body) => body,
        Err(error) => return Err(axum_rejection(error).await),
    };
    let execution = Execution::of_request(&mut parts);
    // The store whose transaction the handler takes is the one that keeps its record.
    let idempotency = execution.transaction().map_or(idempotency, |(idempotency, _)| idempotency.clone());
    let request = Request {
        idempotency,
        execution,
        method: parts.method.clone(),
        uri: parts.extensions.get::<OriginalUri>().map_or_else(|| parts.uri.clone(), |OriginalUri(uri)| uri.clone()),
        matched_path: parts.extensions.get::<MatchedPath>().cloned(),
        path_params: path_params(&mut parts).await,
        headers: parts.headers.clone(),
        body: body.clone(),
    };
    Ok((request, axum::extract::Request::from_parts(parts, Body::from(body))))
}

/// All data of a body. One frame, as nearly every request has, is kept without a copy.
async fn whole(mut body: Body) -> Result<Bytes, axum::Error> {
    let mut first = Bytes::new();
    let mut joined = BytesMut::new();
    while let Some(frame) = body.frame().await {
        match frame?.into_data() {
            Ok(data) if first.is_empty() => first = data,
            Ok(data) => {
                if joined.is_empty() {
                    joined.extend_from_slice(&first);
                }
                joined.extend_from_slice(&data);
            }
            // Trailers: no extractor of a body sees them.
            Err(_) => {}
        }
    }
    Ok(if joined.is_empty() { first } else { joined.freeze() })
}

/// The answer that axum itself gives to a body that breaks off or is over the limit.
async fn axum_rejection(error: axum::Error) -> Response {
    let broken = Body::new(BrokenBody(Some(error)));
    match Bytes::from_request(axum::extract::Request::new(broken), &()).await {
        Err(rejection) => rejection.into_response(),
        Ok(_) => http::StatusCode::BAD_REQUEST.into_response(),
    }
}

struct BrokenBody(Option<axum::Error>);

impl http_body::Body for BrokenBody {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, axum::BoxError>>> {
        std::task::Poll::Ready(self.0.take().map(|error| Err(error.into_inner())))
    }
}

async fn path_params(parts: &mut request::Parts) -> Vec<(Arc<str>, Arc<str>)> {
    // Most guarded routes have none, and need not pay for them.
    let has_params = parts.extensions.get::<MatchedPath>().is_some_and(|path| path.as_str().contains('{'));
    if !has_params {
        return Vec::new();
    }
    match RawPathParams::from_request_parts(parts, &()).await {
        Ok(params) => params.iter().map(|(name, value)| (name.into(), value.into())).collect(),
        // Not UTF-8: no parameter can be found, so a key that is asked of the path is refused.
        Err(_) => Vec::new(),
    }
}
