//! The options of a layer, as values.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::request::Parts;
use serde::Serialize;

use super::judge::judge;
use super::mistake::LayerError;
use super::{Config, IdempotencyLayer, Values};
use crate::http::content;
use crate::http::key_value::KeyValue;
use crate::http::route::{Content, KeySource, Missing, Recorded, Route, ScopeSource};
use crate::{Idempotency, InFlight, OnFailure};

/// The options of an [`IdempotencyLayer`]: those of `#[idempotent]`, as values.
///
/// | option | default | of the attribute |
/// |---|---|---|
/// | [`Idempotency::layer`]`(ttl)` | none, it is required | `ttl` |
/// | [`key_header`](Self::key_header), [`key_path`](Self::key_path), [`key_query`](Self::key_query), [`key_body`](Self::key_body), [`key_from`](Self::key_from) | the header `Idempotency-Key` | `key` |
/// | [`scope_header`](Self::scope_header), [`scope_from`](Self::scope_from) | none | `scope` |
/// | [`operation`](Self::operation) | method and matched route | `operation` |
/// | [`missing`](Self::missing) | 400, or what [`Defaults`](crate::Defaults) say | `missing` |
/// | [`replay_status`](Self::replay_status) | as recorded | `replay_status` |
/// | [`record`](Self::record) | [`Recorded::Success`], **whatever** the `Defaults` say | `record` |
/// | [`on_failure`](Self::on_failure) | [`OnFailure::Retry`], or what the `Defaults` say | `on_failure` |
/// | [`in_flight`](Self::in_flight) | [`InFlight::Reject`], or what the `Defaults` say | `in_flight` |
/// | [`lease`](Self::lease) | 30 s, or what the `Defaults` say; a third of a `ttl` that is not longer | `lease` |
/// | [`fingerprint_json`](Self::fingerprint_json), [`fingerprint_none`](Self::fingerprint_none), [`fingerprint_from`](Self::fingerprint_from) | the body | `fingerprint` |
/// | [`max_response`](Self::max_response) | 1 MiB, or what the `Defaults` say | `max_response` |
/// | [`methods`](Self::methods) | `POST` and `PATCH` | |
/// | [`except`](Self::except) | nothing | |
///
/// An option that is given twice has its last value. What is wrong is said by [`build`](Self::build), all at once.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use idem_runtime::{Idempotency, IdempotencyLayerBuilder, MemoryStore};
///
/// /// What all layers of this shop have in common.
/// fn layer(idempotency: &Idempotency) -> IdempotencyLayerBuilder {
///     idempotency.layer(Duration::from_secs(24 * 3600)).scope_header("X-Tenant")
/// }
///
/// # fn main() -> Result<(), idem_runtime::LayerError> {
/// let idempotency = Idempotency::new(MemoryStore::new());
/// let (orders, payments) = (layer(&idempotency).build()?, layer(&idempotency).operation("payments").build()?);
/// # Ok(())
/// # }
/// ```
#[must_use = "call build() to get an IdempotencyLayer"]
pub struct IdempotencyLayerBuilder {
    idempotency: Idempotency,
    route: Route,
    methods: Vec<Method>,
    except: Vec<(Method, String)>,
    values: Values,
}

impl Idempotency {
    /// A layer that guards every handler of a router, or of a group of routes, that has no annotation of its own. A recorded
    /// answer is replayed for `ttl`, 1 s to 366 days.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use axum::{Router, routing::post};
    /// use idem_runtime::{Idempotency, InFlight, MemoryStore};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let layer = Idempotency::new(MemoryStore::new())
    ///     .layer(Duration::from_secs(24 * 3600))
    ///     .scope_header("X-Tenant")
    ///     .in_flight(InFlight::Wait(Duration::from_secs(5)))
    ///     .build()?;
    /// let app: Router = Router::new().route("/orders", post(|| async { "ordered" })).route_layer(layer);
    /// # Ok(())
    /// # }
    /// ```
    pub fn layer(&self, ttl: Duration) -> IdempotencyLayerBuilder {
        let route = Route {
            operation: None,
            ttl,
            lease: None,
            key: KeySource::Header(Cow::Borrowed("idempotency-key")),
            scope: ScopeSource::None,
            missing: None,
            replay_status: None,
            record: Some(Recorded::Success),
            on_failure: None,
            in_flight: None,
            fingerprint: Content::Body,
            max_response: None,
        };
        IdempotencyLayerBuilder {
            idempotency: self.clone(),
            route,
            methods: vec![Method::POST, Method::PATCH],
            except: Vec::new(),
            values: Values::default(),
        }
    }
}

impl IdempotencyLayerBuilder {
    /// The key is this header.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use idem_runtime::{Idempotency, MemoryStore};
    ///
    /// # fn main() -> Result<(), idem_runtime::LayerError> {
    /// let layer = Idempotency::new(MemoryStore::new())
    ///     .layer(Duration::from_secs(3600))
    ///     .key_header("X-Request-Id")
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn key_header(mut self, name: impl Into<String>) -> Self {
        self.route.key = KeySource::Header(Cow::Owned(name.into()));
        self
    }

    /// The key is this parameter of the path, which every route has to have that the layer is around.
    ///
    /// # Examples
    ///
    /// A `PUT` whose client names what it makes:
    ///
    /// ```
    /// use std::time::Duration;
    /// use axum::{Router, routing::put};
    /// use http::Method;
    /// use idem_runtime::{Idempotency, MemoryStore};
    ///
    /// # fn main() -> Result<(), idem_runtime::LayerError> {
    /// let layer = Idempotency::new(MemoryStore::new())
    ///     .layer(Duration::from_secs(3600))
    ///     .methods([Method::PUT])
    ///     .key_path("order")
    ///     .build()?;
    /// let app: Router = Router::new().route("/orders/{order}", put(|| async { "ordered" })).route_layer(layer);
    /// # Ok(())
    /// # }
    /// ```
    pub fn key_path(mut self, name: impl Into<String>) -> Self {
        self.route.key = KeySource::Path(Cow::Owned(name.into()));
        self
    }

    /// The key is this parameter of the query.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use idem_runtime::{Idempotency, MemoryStore};
    ///
    /// # fn main() -> Result<(), idem_runtime::LayerError> {
    /// let layer = Idempotency::new(MemoryStore::new())
    ///     .layer(Duration::from_secs(3600))
    ///     .key_query("request")
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn key_query(mut self, name: impl Into<String>) -> Self {
        self.route.key = KeySource::Query(Cow::Owned(name.into()));
        self
    }

    /// The key is what this JSON pointer (RFC 6901) points to in the body: a string or an integer.
    ///
    /// # Examples
    ///
    /// Webhooks, whose sender repeats them under one id:
    ///
    /// ```
    /// use std::time::Duration;
    /// use idem_runtime::{Idempotency, MemoryStore};
    ///
    /// # fn main() -> Result<(), idem_runtime::LayerError> {
    /// let layer =
    ///     Idempotency::new(MemoryStore::new()).layer(Duration::from_secs(72 * 3600)).key_body("/event/id").build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn key_body(mut self, pointer: impl Into<String>) -> Self {
        self.route.key = KeySource::Body(Cow::Owned(pointer.into()));
        self
    }

    /// The key is what this function says of a request and its body; with `None`, the key is missing.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use idem_runtime::{Idempotency, MemoryStore};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let layer = Idempotency::new(MemoryStore::new())
    ///     .layer(Duration::from_secs(3600))
    ///     .key_from(|head, _body| Some(head.headers.get("x-delivery")?.to_str().ok()?.to_owned()))
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn key_from<V: KeyValue>(mut self, key: impl Fn(&Parts, &Bytes) -> V + Send + Sync + 'static) -> Self {
        self.route.key = KeySource::Arguments;
        self.values.key = Some(Box::new(move |head, body| key(head, body).key_text()));
        self
    }

    /// Whose key it is, says this header. A request without it is refused.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use idem_runtime::{Idempotency, MemoryStore};
    ///
    /// # fn main() -> Result<(), idem_runtime::LayerError> {
    /// let layer = Idempotency::new(MemoryStore::new())
    ///     .layer(Duration::from_secs(3600))
    ///     // Set by a proxy that has authenticated the client, and by nobody else.
    ///     .scope_header("X-Tenant")
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn scope_header(mut self, name: impl Into<String>) -> Self {
        self.route.scope = ScopeSource::Header(Cow::Owned(name.into()));
        self
    }

    /// Whose key it is, says this function of a request. One of which it says `None` is refused: a scope that cannot be told
    /// is never a shared one.
    ///
    /// # Examples
    ///
    /// What a layer of authentication, which has to be outside this one, has found out:
    ///
    /// ```
    /// use std::time::Duration;
    /// use idem_runtime::{Idempotency, MemoryStore};
    ///
    /// #[derive(Clone)]
    /// struct Tenant(String);
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let layer = Idempotency::new(MemoryStore::new())
    ///     .layer(Duration::from_secs(3600))
    ///     .scope_from(|head| head.extensions.get::<Tenant>().map(|tenant| tenant.0.clone()))
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn scope_from<V: KeyValue>(mut self, scope: impl Fn(&Parts) -> V + Send + Sync + 'static) -> Self {
        self.route.scope = ScopeSource::Arguments;
        self.values.scope = Some(Box::new(move |head| scope(head).key_text()));
        self
    }

    /// Names the operation, which is a part of the key. With one name, all routes share their keys: the same key on another
    /// route is then another request under a known key, 422.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use idem_runtime::{Idempotency, MemoryStore};
    ///
    /// # fn main() -> Result<(), idem_runtime::LayerError> {
    /// let layer = Idempotency::new(MemoryStore::new())
    ///     .layer(Duration::from_secs(3600))
    ///     .operation("payments")
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn operation(mut self, name: impl Into<String>) -> Self {
        self.route.operation = Some(Cow::Owned(name.into()));
        self
    }

    /// What a request without a key means: it runs unprotected, or is refused with a 4xx status.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use idem_runtime::{Idempotency, MemoryStore, Missing};
    ///
    /// # fn main() -> Result<(), idem_runtime::LayerError> {
    /// let layer = Idempotency::new(MemoryStore::new())
    ///     .layer(Duration::from_secs(3600))
    ///     .missing(Missing::Execute)
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub const fn missing(mut self, missing: Missing) -> Self {
        self.route.missing = Some(missing);
        self
    }

    /// The status of a replayed success (default: as recorded).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use idem_runtime::{Idempotency, MemoryStore};
    ///
    /// # fn main() -> Result<(), idem_runtime::LayerError> {
    /// let layer = Idempotency::new(MemoryStore::new())
    ///     .layer(Duration::from_secs(3600))
    ///     // Created the first time, and found there after that.
    ///     .replay_status(200)
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub const fn replay_status(mut self, status: u16) -> Self {
        self.route.replay_status = Some(status);
        self
    }

    /// Which answers are recorded; every other one gives the key back. 5xx are not asked about:
    /// [`on_failure`](Self::on_failure) says what those mean.
    ///
    /// The default is [`Recorded::Success`], because a layer cannot tell a 4xx that a handler has decided on from one that its
    /// extractors gave: a body that is no JSON, a login that is missing. With [`Recorded::Final`], their refusals are recorded
    /// too: a client that logs in after a 401 has to take a new key.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use idem_runtime::{Idempotency, MemoryStore, Recorded};
    ///
    /// # fn main() -> Result<(), idem_runtime::LayerError> {
    /// let layer = Idempotency::new(MemoryStore::new())
    ///     .layer(Duration::from_secs(3600))
    ///     .record(Recorded::Final)
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub const fn record(mut self, record: Recorded) -> Self {
        self.route.record = Some(record);
        self
    }

    /// What a failure means: a 5xx, a panic, or an owner that died.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use idem_runtime::{Idempotency, MemoryStore, OnFailure};
    ///
    /// # fn main() -> Result<(), idem_runtime::LayerError> {
    /// let layer = Idempotency::new(MemoryStore::new())
    ///     .layer(Duration::from_secs(3600))
    ///     // What has failed is looked at by somebody, and does not run again.
    ///     .on_failure(OnFailure::Keep)
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub const fn on_failure(mut self, on_failure: OnFailure) -> Self {
        self.route.on_failure = Some(on_failure);
        self
    }

    /// What happens to a duplicate that arrives while the first request still runs. It waits for 1 ms to 5 minutes.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use idem_runtime::{Idempotency, InFlight, MemoryStore};
    ///
    /// # fn main() -> Result<(), idem_runtime::LayerError> {
    /// let layer = Idempotency::new(MemoryStore::new())
    ///     .layer(Duration::from_secs(3600))
    ///     .in_flight(InFlight::Wait(Duration::from_secs(5)))
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub const fn in_flight(mut self, in_flight: InFlight) -> Self {
        self.route.in_flight = Some(in_flight);
        self
    }

    /// How long a claim outlives the last sign of life of its owner: 100 ms to 1 h, and less than the ttl.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use idem_runtime::{Idempotency, MemoryStore};
    ///
    /// # fn main() -> Result<(), idem_runtime::LayerError> {
    /// let layer = Idempotency::new(MemoryStore::new())
    ///     .layer(Duration::from_secs(3600))
    ///     .lease(Duration::from_secs(10))
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub const fn lease(mut self, lease: Duration) -> Self {
        self.route.lease = Some(lease);
        self
    }

    /// For a retry to count as the same request, the body's JSON value has to be the same: order of members and white space
    /// do not matter.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use idem_runtime::{Idempotency, MemoryStore};
    ///
    /// # fn main() -> Result<(), idem_runtime::LayerError> {
    /// let layer = Idempotency::new(MemoryStore::new())
    ///     .layer(Duration::from_secs(3600))
    ///     .fingerprint_json()
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub const fn fingerprint_json(mut self) -> Self {
        self.route.fingerprint = Content::Json;
        self
    }

    /// Nothing of the body has to be the same, only method, path and query.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use idem_runtime::{Idempotency, MemoryStore};
    ///
    /// # fn main() -> Result<(), idem_runtime::LayerError> {
    /// let layer = Idempotency::new(MemoryStore::new())
    ///     .layer(Duration::from_secs(3600))
    ///     // A retry is signed anew, in its body.
    ///     .fingerprint_none()
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub const fn fingerprint_none(mut self) -> Self {
        self.route.fingerprint = Content::None;
        self
    }

    /// What has to be the same, beside method, path and query, is what this function says of a request and its body.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use idem_runtime::{Idempotency, MemoryStore};
    ///
    /// # fn main() -> Result<(), idem_runtime::LayerError> {
    /// let layer = Idempotency::new(MemoryStore::new())
    ///     .layer(Duration::from_secs(3600))
    ///     // Of the body, all but its first line, which says when it was sent.
    ///     .fingerprint_from(|_head, body| body.splitn(2, |&byte| byte == b'\n').nth(1).map(<[u8]>::to_vec))
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn fingerprint_from<V: Serialize>(
        mut self,
        fingerprint: impl Fn(&Parts, &Bytes) -> V + Send + Sync + 'static,
    ) -> Self {
        self.route.fingerprint = Content::Arguments;
        self.values.fingerprint = Some(Box::new(move |head, body| content::of_value(&fingerprint(head, body))));
        self
    }

    /// The largest response body that is recorded, in bytes, up to 1 GiB.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use idem_runtime::{Idempotency, MemoryStore};
    ///
    /// # fn main() -> Result<(), idem_runtime::LayerError> {
    /// let layer = Idempotency::new(MemoryStore::new())
    ///     .layer(Duration::from_secs(3600))
    ///     .max_response(64 * 1024)
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub const fn max_response(mut self, bytes: usize) -> Self {
        self.route.max_response = Some(bytes);
        self
    }

    /// The methods that are guarded (default `POST` and `PATCH`, those that repeating is not safe by their definition: RFC
    /// 9110, section 9.2.2). All others pass untouched.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use http::Method;
    /// use idem_runtime::{Idempotency, MemoryStore};
    ///
    /// # fn main() -> Result<(), idem_runtime::LayerError> {
    /// let layer = Idempotency::new(MemoryStore::new())
    ///     .layer(Duration::from_secs(3600))
    ///     .methods([Method::POST])
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn methods(mut self, methods: impl IntoIterator<Item = Method>) -> Self {
        self.methods = methods.into_iter().collect();
        self
    }

    /// Requests with this method to this route, as it is written in the router (below `nest`, with all prefixes), pass
    /// untouched: their handler is annotated, or needs no guard. Can be given several times.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use http::Method;
    /// use idem_runtime::{Idempotency, MemoryStore};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let layer = Idempotency::new(MemoryStore::new())
    ///     .layer(Duration::from_secs(3600))
    ///     .except(Method::POST, "/orders/{id}/payment")
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn except(mut self, method: Method, route: impl Into<String>) -> Self {
        self.except.push((method, route.into()));
        self
    }

    /// The finished layer.
    ///
    /// # Errors
    ///
    /// When values are wrong, all of them at once. The limits are those of `#[idempotent]`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use idem_runtime::{Idempotency, MemoryStore};
    ///
    /// let idempotency = Idempotency::new(MemoryStore::new());
    /// let error = idempotency.layer(Duration::from_secs(20)).lease(Duration::from_secs(30)).build().unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "the idempotency layer cannot be built: `lease`: 30s is not under the ttl of 20s, write \
    ///      `Duration::from_secs(6)`"
    /// );
    /// ```
    pub fn build(mut self) -> Result<IdempotencyLayer, LayerError> {
        let (places, mistakes) = judge(&mut self.route, &self.methods, &self.except);
        if !mistakes.is_empty() {
            return Err(LayerError::of(mistakes));
        }
        let Self { idempotency, route, methods, except, values } = self;
        let rules = route.rules(idempotency.defaults());
        let route = Arc::new(route);
        Ok(IdempotencyLayer { config: Arc::new(Config { idempotency, route, rules, places, methods, except, values }) })
    }
}

impl fmt::Debug for IdempotencyLayerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdempotencyLayerBuilder")
            .field("ttl", &self.route.ttl)
            .field("key", &self.route.key)
            .field("scope", &self.route.scope)
            .finish_non_exhaustive()
    }
}
