//! The last argument of an annotated handler.

use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use axum::RequestExt as _;
use axum::body::Body;
use axum::extract::{FromRef, FromRequest, FromRequestParts as _, MatchedPath, OriginalUri, RawPathParams};
use axum::response::{IntoResponse as _, Response};
use bytes::{Bytes, BytesMut};
use http::header::ORIGIN;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, request};
use http_body_util::BodyExt as _;

use super::execution::Execution;
use super::layer::{Mark, make_way};
use super::recording::Resumed;
use super::state::RouterStateProvidesIdempotency;
use super::wanted::{IdempotencyKey, Place, Places, Wanted};
use crate::Idempotency;

/// The argument `E`, and what a claim needs to know of its request, which `W` says.
pub struct Guarded<E, W = IdempotencyKey> {
    value: E,
    request: Request,
    wanted: PhantomData<fn() -> W>,
}

/// What a claim needs to know of a request.
pub struct Request {
    pub(super) idempotency: Idempotency,
    /// Of an extractor that asked for one, or may do so. Otherwise it is made when the request is to run.
    pub(super) execution: Option<Execution>,
    pub(super) method: Method,
    pub(super) matched_path: Option<MatchedPath>,
    /// `None` if the request has no key where one is looked for in a header.
    pub(super) keyed: Option<Box<Keyed>>,
}

/// What a claim needs to know of a request that may have a key.
pub(super) struct Keyed {
    /// As the client sent it, also below `nest`.
    pub(super) uri: Uri,
    /// Decoded; empty where the key is elsewhere.
    pub(super) path_params: Vec<(Arc<str>, Arc<str>)>,
    pub(super) key: Field,
    pub(super) scope: Field,
    pub(super) origin: Option<HeaderValue>,
    pub(super) body: Bytes,
}

/// A header field that must not be sent more than once.
#[derive(Default)]
pub(super) enum Field {
    #[default]
    None,
    One(HeaderValue),
    Many,
}

impl Field {
    fn of(headers: &HeaderMap, name: &HeaderName) -> Self {
        let mut values = headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (None, _) => Self::None,
            (Some(value), None) => Self::One(value.clone()),
            (Some(_), Some(_)) => Self::Many,
        }
    }
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Request(..)")
    }
}

impl<E, W> std::fmt::Debug for Guarded<E, W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Guarded(..)")
    }
}

/// Takes a guarded argument apart.
pub fn open<E, W>(guarded: Guarded<E, W>) -> (Request, E) {
    (guarded.request, guarded.value)
}

impl<S, M, E, W> FromRequest<S, RouterStateProvidesIdempotency<M>> for Guarded<E, W>
where
    S: Send + Sync,
    E: FromRequest<S, M>,
    W: Wanted,
    Idempotency: FromRef<S>,
{
    type Rejection = Response;

    // What the future has in it while it waits is paid for by the byte, so what it waits for works on it where it is.
    fn from_request(request: axum::extract::Request, state: &S) -> impl Future<Output = Result<Self, Response>> + Send {
        let places = W::places();
        let (mut kept, mut inner) = Kept::of(request, Idempotency::from_ref(state), &places, sees_extensions::<E>());
        kept.be_alone(&mut inner, sees_extensions::<E>());
        async move {
            kept.prepare(&mut inner).await?;
            match E::from_request(inner, state).await {
                Ok(value) => Ok(Self { value, request: kept.request, wanted: PhantomData }),
                Err(rejection) => Err(rejection.into_response()),
            }
        }
    }
}

/// Whether an extractor can see what a request carries beside its head and its body. Where it cannot, nothing is put there
/// for it. Only what this knows for sure counts: if the compiler ever calls these types by other names, it is said of them,
/// too, that they can.
fn sees_extensions<E>() -> bool {
    let name = std::any::type_name::<E>();
    !(matches!(name, "()" | "bytes::bytes::Bytes" | "alloc::string::String") || name.starts_with("axum::json::Json<"))
}

/// What is kept of a request before its last argument is extracted.
struct Kept {
    request: Request,
    /// A request without a key is not: nobody looks at its body but the handler.
    is_read_first: bool,
    wants_path_params: bool,
    /// Of a layer that this request has come through.
    mark: Option<Mark>,
}

impl Kept {
    /// What a claim needs of a request beside the body; and the request, for the handler's own extractor.
    fn of(
        mut inner: axum::extract::Request,
        idempotency: Idempotency,
        places: &Places,
        sees_extensions: bool,
    ) -> (Self, axum::extract::Request) {
        let mark = inner.extensions_mut().remove::<Mark>();
        let execution = match Execution::taken(inner.extensions()) {
            None if sees_extensions => Some(Execution::of_request(inner.extensions_mut())),
            taken => taken,
        };
        let matched_path = inner.extensions().get::<MatchedPath>().cloned();
        let mut request = Request { idempotency, execution, method: inner.method().clone(), matched_path, keyed: None };
        let key = match &places.key {
            Place::Header(name) => match Field::of(inner.headers(), name) {
                Field::None => return (Self { request, is_read_first: false, wants_path_params: false, mark }, inner),
                field => field,
            },
            Place::PathParameter | Place::Elsewhere => Field::None,
        };
        let original = inner.extensions().get::<OriginalUri>();
        request.keyed = Some(Box::new(Keyed {
            uri: original.map_or_else(|| inner.uri().clone(), |OriginalUri(uri)| uri.clone()),
            path_params: Vec::new(),
            key,
            scope: places.scope.as_ref().map_or(Field::None, |name| Field::of(inner.headers(), name)),
            origin: inner.headers().get(ORIGIN).cloned(),
            body: Bytes::new(),
        }));
        // The limit is the one that axum's own extractors hold to, `DefaultBodyLimit` included.
        let inner = inner.with_limited_body();
        let wants_path_params = matches!(places.key, Place::PathParameter);
        (Self { request, is_read_first: true, wants_path_params, mark }, inner)
    }

    /// Has an execution of its own, if another handler's guard has the one that the request carries.
    fn be_alone(&mut self, inner: &mut axum::extract::Request, sees_extensions: bool) {
        if self.request.execution.as_ref().is_none_or(Execution::is_mine) {
            return;
        }
        self.request.execution = sees_extensions.then(Execution::new);
        match &self.request.execution {
            Some(own) => drop(inner.extensions_mut().insert(own.clone())),
            None => drop(inner.extensions_mut().remove::<Execution>()),
        }
    }

    /// Makes outer layers stand aside, since what is nearer to the handler wins; and reads what the claim is made of.
    async fn prepare(&mut self, inner: &mut axum::extract::Request) -> Result<(), Response> {
        if let Some(mark) = self.mark.take() {
            Box::pin(make_way(mark, self.request.matched_path.as_ref())).await;
        }
        if self.is_read_first {
            match whole(inner.body_mut()).await {
                Ok(body) => {
                    if let Some(keyed) = &mut self.request.keyed {
                        keyed.body = body.clone();
                    }
                    *inner.body_mut() = Body::from(body);
                }
                Err(error) => return Err(Box::pin(axum_rejection(error)).await),
            }
        }
        if self.wants_path_params {
            Box::pin(self.find_path_params(inner)).await;
        }
        Ok(())
    }

    async fn find_path_params(&mut self, inner: &mut axum::extract::Request) {
        let (mut parts, body) = std::mem::take(inner).into_parts();
        if let Some(keyed) = &mut self.request.keyed {
            keyed.path_params = path_params(&mut parts).await;
        }
        *inner = axum::extract::Request::from_parts(parts, body);
    }
}

/// What a layer's claim needs of a request, whose body is read; and the request for whatever is behind it.
pub(super) async fn keep(
    request: axum::extract::Request,
    idempotency: Idempotency,
    places: &Places,
) -> Result<(Request, axum::extract::Request), Response> {
    let (mut kept, mut inner) = Kept::of(request, idempotency, places, true);
    kept.prepare(&mut inner).await?;
    Ok((kept.request, inner))
}

/// All data of a body. One frame, as nearly every request has, is kept without a copy.
async fn whole(body: &mut Body) -> Result<Bytes, axum::Error> {
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
    let broken = Body::new(Resumed::broken(error.into_inner()));
    match Bytes::from_request(axum::extract::Request::new(broken), &()).await {
        Err(rejection) => rejection.into_response(),
        Ok(_) => http::StatusCode::BAD_REQUEST.into_response(),
    }
}

async fn path_params(parts: &mut request::Parts) -> Vec<(Arc<str>, Arc<str>)> {
    match RawPathParams::from_request_parts(parts, &()).await {
        Ok(params) => params.iter().map(|(name, value)| (name.into(), value.into())).collect(),
        // Not UTF-8: no parameter can be found, so a key that is asked of the path is refused.
        Err(_) => Vec::new(),
    }
}
