//! The handle that an application puts into its router state.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;

use crate::defaults::Defaults;
use crate::digest::Digester;
use crate::engine::stats::Counts;
use crate::engine::{Engine, Limits};
use crate::http::refusal::Refusal;
use crate::http::{Face, cors};
use crate::store::{ErasedStore, Store};
use crate::telemetry::Observed;

/// The idempotency layer of an application: a store, and how requests are guarded with it.
///
/// Cheap to clone. Put one into the router state, directly or as a part of it (`FromRef`), and annotate handlers with
/// `#[idempotent(..)]`. Must be used within a Tokio runtime with time enabled.
///
/// # Examples
///
/// ```
/// use axum::{Router, extract::State, routing::post};
/// use idem_runtime::{Idempotency, MemoryStore};
///
/// let idempotency = Idempotency::new(MemoryStore::new());
/// let app: Router = Router::new().route("/pay", post(|| async { "paid" })).with_state(idempotency);
/// ```
#[derive(Clone)]
pub struct Idempotency {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Arc<Engine>,
    digester: Digester,
    face: Face,
    defaults: Defaults,
}

impl Idempotency {
    /// With `store` and every default: no secret, 1 s per store call, 10,000 waiters.
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::{Idempotency, MemoryStore};
    ///
    /// let idempotency = Idempotency::new(MemoryStore::new());
    /// ```
    #[must_use]
    pub fn new(store: impl Store) -> Self {
        Self::builder(store).build()
    }

    /// With `store` and settings of your own.
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::{Idempotency, MemoryStore};
    ///
    /// let idempotency = Idempotency::builder(MemoryStore::new()).max_waiters(500).build();
    /// ```
    pub fn builder(store: impl Store) -> IdempotencyBuilder {
        IdempotencyBuilder {
            store: Box::new(Observed::new(store)),
            limits: Limits { store_timeout: Duration::from_secs(1), max_waiters: 10_000 },
            digester: Digester::new(b""),
            face: Face::default(),
            defaults: Defaults::new(),
            bypass: false,
        }
    }

    /// Starts no new work, and waits until all that runs has been recorded, also what was carried on after its client
    /// had gone. Finished requests are still replayed; others are refused with `draining` (503).
    ///
    /// Call it when the server has been told to stop; a claim that is still held when the process ends, stays held
    /// until its lease ends. [`drain_within`](Self::drain_within) puts a limit to it, and
    /// [`serve_gracefully`](Self::serve_gracefully) does all of it around a server.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example(listener: tokio::net::TcpListener, app: axum::Router, idempotency: idem_runtime::Idempotency) {
    /// let stop = async { drop(tokio::signal::ctrl_c().await) };
    /// axum::serve(listener, app).with_graceful_shutdown(stop).await.unwrap();
    /// idempotency.drain().await;
    /// # }
    /// ```
    pub async fn drain(&self) {
        self.inner.engine.drain().await;
    }

    /// The kill switch: with `true`, every request and every job runs unprotected from here on, as if there were no
    /// idempotency; with `false`, they are guarded again. It holds for this process, and for all clones.
    ///
    /// Use it when the store does more harm than good: it is down for long, and requests that may run twice are better
    /// than requests that do not run. While it is on:
    ///
    /// - No key is read, none is missing or wrong, nothing is claimed, replayed or recorded, and the store is not asked. A
    ///   retry **runs again**, also of a request that was recorded before, or that still runs.
    /// - Each answer has the header `Idempotency-Bypassed: true`. [`Counts::bypassed`] counts, an error is logged at the
    ///   switch, and once per second a warning with the number of requests.
    /// - A handler sees in its [`Execution`](crate::Execution) what it sees without a key, so it derives no keys from it.
    ///   Its [`Transaction`](crate::Transaction) works, as far as the store does: it ends by the same rules, without a record.
    ///
    /// What was claimed before the switch goes on to its end, is renewed, and is recorded; who waits for it, waits on. What
    /// ran while it was on has left no record: a retry that comes after that runs.
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::{Idempotency, MemoryStore};
    ///
    /// let idempotency = Idempotency::new(MemoryStore::new());
    /// idempotency.bypass(true);
    /// assert!(idempotency.is_bypassed());
    /// idempotency.bypass(false);
    /// ```
    pub fn bypass(&self, on: bool) {
        self.inner.engine.bypass(on);
    }

    /// Whether [`bypass`](Self::bypass) is on.
    #[must_use]
    pub fn is_bypassed(&self) -> bool {
        self.inner.engine.is_bypassed()
    }

    /// What has happened so far, in this process.
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::{Idempotency, MemoryStore};
    ///
    /// let idempotency = Idempotency::new(MemoryStore::new());
    /// assert_eq!(idempotency.counts().replayed, 0);
    /// ```
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.inner.engine.stats().snapshot()
    }

    /// The headers of answers that a script in a browser has to be allowed to read, for
    /// `Access-Control-Expose-Headers`: the marks of a replay and of a bypass, `Retry-After`, `Location`, `Content-Location`, `ETag` and
    /// `Link`. Without that, they reach the browser and not the script (Fetch, section 3.3.5).
    ///
    /// Nothing of CORS is sent by itself. Put a `CorsLayer` around the router: it sets its headers anew on each answer,
    /// replays and refusals included, for the origin that asks. A handler that sets `Access-Control-Allow-Origin` itself
    /// has it recorded; it is replayed to the same origin only, unless it is `*`.
    ///
    /// A key header makes a request one that the browser asks about beforehand: allow it as well, under the name that the
    /// route gives it.
    ///
    /// # Examples
    ///
    /// ```
    /// use axum::{Router, routing::post};
    /// use http::{HeaderName, HeaderValue, Method, header::CONTENT_TYPE};
    /// use idem_runtime::{Idempotency, MemoryStore, idempotent};
    /// use tower_http::cors::CorsLayer;
    ///
    /// #[idempotent(ttl = "1h")]
    /// async fn pay(body: String) -> String {
    ///     body
    /// }
    ///
    /// let idempotency = Idempotency::new(MemoryStore::new());
    /// let cors = CorsLayer::new()
    ///     .allow_origin(HeaderValue::from_static("https://shop.example"))
    ///     .allow_methods([Method::POST])
    ///     .allow_headers([CONTENT_TYPE, HeaderName::from_static("idempotency-key")])
    ///     .expose_headers(idempotency.exposed_headers());
    /// let app: Router = Router::new().route("/pay", post(pay)).layer(cors).with_state(idempotency);
    /// ```
    #[must_use]
    pub fn exposed_headers(&self) -> Vec<HeaderName> {
        cors::exposed(&self.inner.face.replayed_header)
    }

    /// The store's short name: `"memory"`, `"redis"`.
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::{Idempotency, MemoryStore};
    ///
    /// assert_eq!(Idempotency::new(MemoryStore::new()).store_name(), "memory");
    /// ```
    #[must_use]
    pub fn store_name(&self) -> &'static str {
        self.inner.engine.store().name()
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.inner.engine
    }

    pub(crate) fn digester(&self) -> &Digester {
        &self.inner.digester
    }

    pub(crate) fn face(&self) -> &Face {
        &self.inner.face
    }

    pub(crate) fn defaults(&self) -> &Defaults {
        &self.inner.defaults
    }
}

impl fmt::Debug for Idempotency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Idempotency").field("store", &self.store_name()).field("counts", &self.counts()).finish()
    }
}

/// Settings for an [`Idempotency`].
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use idem_runtime::{Idempotency, MemoryStore};
///
/// let idempotency = Idempotency::builder(MemoryStore::new())
///     .secret(b"from your secret manager")
///     .store_timeout(Duration::from_millis(500))
///     .build();
/// ```
#[must_use = "call build() to get an Idempotency"]
pub struct IdempotencyBuilder {
    store: Box<dyn ErasedStore>,
    limits: Limits,
    digester: Digester,
    face: Face,
    defaults: Defaults,
    bypass: bool,
}

impl IdempotencyBuilder {
    /// Keys all digests with a secret of the application, so that nobody who reads the store can try out keys, tenants
    /// or bodies. All processes that share a store need the same secret; with another one, nothing that was recorded
    /// is found again.
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::{Idempotency, MemoryStore};
    ///
    /// # fn from_your_secret_manager() -> Vec<u8> { vec![7; 32] }
    /// let idempotency = Idempotency::builder(MemoryStore::new()).secret(from_your_secret_manager()).build();
    /// ```
    pub fn secret(mut self, secret: impl AsRef<[u8]>) -> Self {
        self.digester = Digester::new(secret.as_ref());
        self
    }

    /// How long one store call may take (default 1 s). A claim that has no answer by then is refused with 503.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use idem_runtime::{Idempotency, MemoryStore};
    ///
    /// let idempotency = Idempotency::builder(MemoryStore::new()).store_timeout(Duration::from_millis(500)).build();
    /// ```
    pub const fn store_timeout(mut self, timeout: Duration) -> Self {
        self.limits.store_timeout = timeout;
        self
    }

    /// How many duplicates may wait at once, over all keys (default 10,000); those beyond are answered 409.
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::{Idempotency, MemoryStore};
    ///
    /// // Each waiter is an open connection.
    /// let idempotency = Idempotency::builder(MemoryStore::new()).max_waiters(500).build();
    /// ```
    pub const fn max_waiters(mut self, most: usize) -> Self {
        self.limits.max_waiters = most;
        self
    }

    /// What holds where an attribute or a [`Job`](crate::Job) leaves an option out. An example stands at [`Defaults`].
    pub const fn defaults(mut self, defaults: Defaults) -> Self {
        self.defaults = defaults;
        self
    }

    /// The header that marks a replayed answer (default `Idempotency-Replayed`, with the value `true`).
    ///
    /// # Examples
    ///
    /// ```
    /// use http::HeaderName;
    /// use idem_runtime::{Idempotency, MemoryStore};
    ///
    /// let name = HeaderName::from_static("x-shop-replayed");
    /// let idempotency = Idempotency::builder(MemoryStore::new()).replayed_header(name).build();
    /// ```
    pub fn replayed_header(mut self, name: HeaderName) -> Self {
        self.face.replayed_header = name;
        self
    }

    /// Renders refusals in the application's own error format instead of `application/problem+json`. Keep status and
    /// `Retry-After`: clients rely on them. An example stands at [`Refusal`].
    pub fn render_refusals(
        mut self,
        render: impl Fn(&Refusal) -> axum::response::Response + Send + Sync + 'static,
    ) -> Self {
        self.face.render.set_custom(render);
        self
    }

    /// Where the codes of refusals are explained: the beginning of a URI, to which the code is added. It is what stands in
    /// `type` and in `Link`. By default, that is [`guide::problems`](crate::guide::problems), as docs.rs shows it.
    ///
    /// `type` names a problem, and clients may compare it (RFC 9457, section 3.1.1): choose it once.
    ///
    /// # Panics
    ///
    /// If it begins no `http` or `https` URI.
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::{Idempotency, MemoryStore};
    ///
    /// // `key_reused` is explained at https://api.shop.example/problems#key_reused
    /// let idempotency =
    ///     Idempotency::builder(MemoryStore::new()).problem_pages("https://api.shop.example/problems#").build();
    /// ```
    pub fn problem_pages(mut self, beginning: impl Into<String>) -> Self {
        self.face.render.set_pages(beginning.into());
        self
    }

    /// Whether to begin with the kill switch on: see [`Idempotency::bypass`], which can turn it off (default `false`).
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::{Idempotency, MemoryStore};
    ///
    /// let off = std::env::var_os("SHOP_WITHOUT_IDEMPOTENCY").is_some();
    /// let idempotency = Idempotency::builder(MemoryStore::new()).bypass(off).build();
    /// ```
    pub const fn bypass(mut self, on: bool) -> Self {
        self.bypass = on;
        self
    }

    /// The finished layer.
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::{Idempotency, MemoryStore};
    ///
    /// let idempotency = Idempotency::builder(MemoryStore::new()).build();
    /// ```
    #[must_use]
    pub fn build(self) -> Idempotency {
        let engine = Engine::new(self.store, self.limits);
        engine.bypass(self.bypass);
        Idempotency {
            inner: Arc::new(Inner {
                engine: Arc::new(engine),
                digester: self.digester,
                face: self.face,
                defaults: self.defaults,
            }),
        }
    }
}

impl fmt::Debug for IdempotencyBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdempotencyBuilder").field("store", &self.store.name()).finish_non_exhaustive()
    }
}
