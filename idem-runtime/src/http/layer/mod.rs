//! A layer that guards whole routers of handlers without an annotation.

mod aside;
mod builder;
mod call;
mod check;
mod fields;
mod judge;
mod mistake;

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::{MatchedPath, OriginalUri, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::Method;
use http::request::Parts;
use tower_layer::Layer;
use tower_service::Service;

use aside::Known;
pub(super) use aside::{Mark, make_way};
pub use builder::IdempotencyLayerBuilder;
pub use mistake::{LayerError, LayerMistake};

use super::key_value::Arguments;
use super::route::{Route, Rules};
use super::wanted::Places;
use crate::Idempotency;

/// Guards every handler of a router, or of a group of routes, that has no annotation of its own.
///
/// Made with [`Idempotency::layer`]; how to use it stands in [`guide::layer`](crate::guide::layer).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use axum::{Router, routing::{get, post}};
/// use idem_runtime::{Idempotency, MemoryStore};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let idempotency = Idempotency::new(MemoryStore::new());
/// let app: Router = Router::new()
///     .route("/orders", get(|| async { "all orders" }).post(|| async { "ordered" }))
///     .route("/payments", post(|| async { "paid" }))
///     .route_layer(idempotency.layer(Duration::from_secs(3600)).build()?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct IdempotencyLayer {
    config: Arc<Config>,
}

/// What all services of one layer share.
struct Config {
    idempotency: Idempotency,
    route: Arc<Route>,
    /// Those of the route and, for the rest, of the application.
    rules: Rules,
    places: Places,
    methods: Vec<Method>,
    except: Vec<(Method, String)>,
    values: Values,
}

type KeyOf = dyn Fn(&Parts, &Bytes) -> Option<String> + Send + Sync;
type ScopeOf = dyn Fn(&Parts) -> Option<String> + Send + Sync;
type ContentOf = dyn Fn(&Parts, &Bytes) -> Result<Vec<u8>, serde_json::Error> + Send + Sync;

/// Closures in place of the expressions of an annotation.
#[derive(Default)]
struct Values {
    key: Option<Box<KeyOf>>,
    scope: Option<Box<ScopeOf>>,
    fingerprint: Option<Box<ContentOf>>,
}

impl Config {
    fn guards(&self, request: &Request) -> bool {
        self.methods.contains(request.method()) && !self.is_excepted(request)
    }

    fn is_excepted(&self, request: &Request) -> bool {
        if self.except.is_empty() {
            return false;
        }
        let extensions = request.extensions();
        let path = match (extensions.get::<MatchedPath>(), extensions.get::<OriginalUri>()) {
            (Some(path), _) => path.as_str(),
            (None, Some(OriginalUri(uri))) => uri.path(),
            (None, None) => request.uri().path(),
        };
        self.except.iter().any(|(method, excepted)| method == request.method() && excepted == path)
    }

    fn evaluate(&self, parts: &Parts, body: &Bytes) -> Arguments {
        let Values { key, scope, fingerprint } = &self.values;
        Arguments {
            key: key.as_ref().and_then(|key| key(parts, body)),
            scope: scope.as_ref().and_then(|scope| scope(parts)),
            fingerprint: fingerprint.as_ref().map(|fingerprint| fingerprint(parts, body)),
        }
    }
}

impl<S> Layer<S> for IdempotencyLayer {
    type Service = IdempotencyService<S>;

    fn layer(&self, inner: S) -> IdempotencyService<S> {
        IdempotencyService { inner, config: Arc::clone(&self.config), known: Arc::default() }
    }
}

impl fmt::Debug for IdempotencyLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Config { route, methods, except, .. } = &*self.config;
        f.debug_struct("IdempotencyLayer")
            .field("route", route)
            .field("methods", methods)
            .field("except", except)
            .finish_non_exhaustive()
    }
}

/// What an [`IdempotencyLayer`] makes of a service.
///
/// # Examples
///
/// A router calls it; its type is seen where a service is put together by hand:
///
/// ```
/// use std::time::Duration;
/// use axum::Router;
/// use idem_runtime::{Idempotency, IdempotencyService, MemoryStore};
/// use tower_layer::Layer as _;
///
/// # fn main() -> Result<(), idem_runtime::LayerError> {
/// let layer = Idempotency::new(MemoryStore::new()).layer(Duration::from_secs(3600)).build()?;
/// let guarded: IdempotencyService<Router> = layer.layer(Router::new());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct IdempotencyService<S> {
    inner: S,
    config: Arc<Config>,
    /// Of this one service, as one layer is put around many.
    known: Arc<Known>,
}

impl<S> fmt::Debug for IdempotencyService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdempotencyService(..)")
    }
}

impl<S> Service<Request> for IdempotencyService<S>
where
    S: Service<Request, Error = Infallible> + Clone + Send + 'static,
    S::Response: IntoResponse,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        // The one that is ready is called, and its clone is kept to become ready.
        let clone = self.inner.clone();
        let ready = std::mem::replace(&mut self.inner, clone);
        if !self.config.guards(&request) {
            let response = call(ready, request);
            return Box::pin(async move { Ok(response.await) });
        }
        let inner: call::Inner = Box::new(move |request| Box::pin(call(ready, request)));
        let known = Arc::clone(&self.known);
        if known.is_guarded_nearer(request.method()) {
            return Box::pin(async move { Ok(call::pass(known, request, inner).await) });
        }
        let config = Arc::clone(&self.config);
        Box::pin(async move { Ok(call::guard(config, known, request, inner).await) })
    }
}

fn call<S>(mut service: S, request: Request) -> impl Future<Output = Response> + Send + 'static
where
    S: Service<Request, Error = Infallible> + 'static,
    S::Response: IntoResponse,
    S::Future: Send + 'static,
{
    let response = service.call(request);
    async move {
        match response.await {
            Ok(response) => response.into_response(),
            Err(never) => match never {},
        }
    }
}
