//! The options of a layer, as values.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::request::Parts;
use serde::Serialize;

use super::mistake::{LayerError, LayerMistake};
use super::{Config, IdempotencyLayer, Values, check};
use crate::bounds;
use crate::http::content;
use crate::http::key_value::KeyValue;
use crate::http::route::{Content, KeySource, Missing, Recorded, Route, ScopeSource};
use crate::http::wanted::{Place, Places};
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
    pub fn key_header(mut self, name: impl Into<String>) -> Self {
        self.route.key = KeySource::Header(Cow::Owned(name.into()));
        self
    }

    /// The key is this parameter of the path, which every route has to have that the layer is around.
    pub fn key_path(mut self, name: impl Into<String>) -> Self {
        self.route.key = KeySource::Path(Cow::Owned(name.into()));
        self
    }

    /// The key is this parameter of the query.
    pub fn key_query(mut self, name: impl Into<String>) -> Self {
        self.route.key = KeySource::Query(Cow::Owned(name.into()));
        self
    }

    /// The key is what this JSON pointer (RFC 6901) points to in the body: a string or an integer.
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
    pub fn operation(mut self, name: impl Into<String>) -> Self {
        self.route.operation = Some(Cow::Owned(name.into()));
        self
    }

    /// What a request without a key means: it runs unprotected, or is refused with a 4xx status.
    pub const fn missing(mut self, missing: Missing) -> Self {
        self.route.missing = Some(missing);
        self
    }

    /// The status of a replayed success (default: as recorded).
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
    pub const fn record(mut self, record: Recorded) -> Self {
        self.route.record = Some(record);
        self
    }

    /// What a failure means: a 5xx, a panic, or an owner that died.
    pub const fn on_failure(mut self, on_failure: OnFailure) -> Self {
        self.route.on_failure = Some(on_failure);
        self
    }

    /// What happens to a duplicate that arrives while the first request still runs. It waits for 1 ms to 5 minutes.
    pub const fn in_flight(mut self, in_flight: InFlight) -> Self {
        self.route.in_flight = Some(in_flight);
        self
    }

    /// How long a claim outlives the last sign of life of its owner: 100 ms to 1 h, and less than the ttl.
    pub const fn lease(mut self, lease: Duration) -> Self {
        self.route.lease = Some(lease);
        self
    }

    /// For a retry to count as the same request, the body's JSON value has to be the same: order of members and white space
    /// do not matter.
    pub const fn fingerprint_json(mut self) -> Self {
        self.route.fingerprint = Content::Json;
        self
    }

    /// Nothing of the body has to be the same, only method, path and query.
    pub const fn fingerprint_none(mut self) -> Self {
        self.route.fingerprint = Content::None;
        self
    }

    /// What has to be the same, beside method, path and query, is what this function says of a request and its body.
    pub fn fingerprint_from<V: Serialize>(
        mut self,
        fingerprint: impl Fn(&Parts, &Bytes) -> V + Send + Sync + 'static,
    ) -> Self {
        self.route.fingerprint = Content::Arguments;
        self.values.fingerprint = Some(Box::new(move |head, body| content::of_value(&fingerprint(head, body))));
        self
    }

    /// The largest response body that is recorded, in bytes, up to 1 GiB.
    pub const fn max_response(mut self, bytes: usize) -> Self {
        self.route.max_response = Some(bytes);
        self
    }

    /// The methods that are guarded (default `POST` and `PATCH`, those that repeating is not safe by their definition: RFC
    /// 9110, section 9.2.2). All others pass untouched.
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
        let (places, mistakes) = self.judge();
        if !mistakes.is_empty() {
            return Err(LayerError::of(mistakes));
        }
        let Self { idempotency, route, methods, except, values } = self;
        let rules = route.rules(idempotency.defaults());
        let route = Arc::new(route);
        Ok(IdempotencyLayer { config: Arc::new(Config { idempotency, route, rules, places, methods, except, values }) })
    }

    /// Where key and scope are, if all is well. Names of headers are in lower case afterwards, as they are looked for.
    fn judge(&mut self) -> (Places, Vec<LayerMistake>) {
        let (mut places, mut mistakes) = (Places { key: Place::Elsewhere, scope: None }, Vec::new());
        mistakes.extend(check::duration("ttl", self.route.ttl, bounds::TTL));
        match &mut self.route.key {
            KeySource::Header(name) => match check::key_header(name) {
                Ok(field) => {
                    *name = Cow::Owned(field.as_str().to_owned());
                    places.key = Place::Header(field);
                }
                Err(mistake) => mistakes.push(mistake),
            },
            KeySource::Path(name) => {
                places.key = Place::PathParameter;
                mistakes.extend(check::path_parameter(name));
            }
            KeySource::Query(name) => mistakes.extend(check::query_parameter(name)),
            KeySource::Body(pointer) => mistakes.extend(check::pointer(pointer)),
            KeySource::Arguments => {}
        }
        if let ScopeSource::Header(name) = &mut self.route.scope {
            match check::scope_header(name) {
                Ok(field) => {
                    *name = Cow::Owned(field.as_str().to_owned());
                    places.scope = Some(field);
                }
                Err(mistake) => mistakes.push(mistake),
            }
        }
        mistakes.extend(self.key_against_others());
        mistakes.extend(self.route.operation.as_deref().and_then(check::operation));
        if let Some(Missing::Refuse(status)) = self.route.missing {
            mistakes.extend(check::missing_status(status));
        }
        mistakes.extend(self.route.replay_status.and_then(check::replay_status));
        if let Some(InFlight::Wait(time)) = self.route.in_flight {
            mistakes.extend(check::duration("in_flight", time, bounds::WAIT));
        }
        mistakes.extend(self.lease_within_ttl());
        mistakes.extend(self.route.max_response.and_then(check::max_response));
        mistakes.extend(check::methods(&self.methods));
        mistakes.extend(self.except.iter().filter_map(|(_, route)| check::excepted(route)));
        (places, mistakes)
    }

    fn key_against_others(&self) -> Option<LayerMistake> {
        match (&self.route.key, &self.route.scope, self.route.missing) {
            (KeySource::Path(name), _, Some(Missing::Execute)) => {
                let problem = format!("the path always has `{name}`, so the key is never missing");
                Some(LayerMistake::new("missing", problem, "missing(Missing::Refuse(400))"))
            }
            (KeySource::Header(key), ScopeSource::Header(scope), _) if key.eq_ignore_ascii_case(scope) => {
                let problem = "it is the header that holds the key: name whose key it is";
                Some(LayerMistake::new("scope_header", problem, "scope_header(\"X-Tenant\")"))
            }
            _ => None,
        }
    }

    fn lease_within_ttl(&self) -> Option<LayerMistake> {
        let lease = self.route.lease?;
        let wrong = check::duration("lease", lease, bounds::LEASE);
        if wrong.is_some() || lease < self.route.ttl || self.route.ttl < bounds::TTL.least {
            return wrong;
        }
        let problem = format!("{lease:?} is not under the ttl of {:?}", self.route.ttl);
        // A third leaves time for two more owners before the record expires.
        let third = self.route.ttl / 3;
        let round =
            if third < Duration::from_secs(1) { third.as_millis() as u64 / 100 * 100 } else { third.as_secs() * 1000 };
        Some(LayerMistake::new("lease", problem, check::shown(Duration::from_millis(round))))
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
