//! The options of a [`Retry`].

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, StatusCode};

use crate::schedule::Limits;
use crate::{KeyFormat, Retry, Try};

pub(crate) type Hint = Arc<dyn Fn(StatusCode, &HeaderMap) -> Option<bool> + Send + Sync>;
pub(crate) type Observer = Arc<dyn Fn(&Try<'_>) + Send + Sync>;
pub(crate) type Random = Arc<dyn Fn() -> f64 + Send + Sync>;

/// The options of a [`Retry`]. Every one has a default.
///
/// ```
/// use std::time::Duration;
/// use idem_client::Retry;
///
/// let retry = Retry::builder().max_attempts(6).backoff(Duration::from_millis(200), Duration::from_secs(5)).build();
/// ```
#[derive(Clone)]
#[must_use]
pub struct RetryBuilder(Retry);

impl Default for RetryBuilder {
    fn default() -> Self {
        Self(Retry {
            header: HeaderName::from_static("idempotency-key"),
            format: KeyFormat::default(),
            makes_keys: true,
            limits: Limits {
                attempts: 4,
                base: Duration::from_secs(1),
                longest: Duration::from_secs(30),
                longest_retry_after: Duration::from_secs(60),
                one_try: Duration::from_secs(30),
                total: Duration::from_secs(120),
            },
            whole_answers: 1024 * 1024,
            hint: None,
            observer: None,
            random: Arc::new(fastrand::f64),
        })
    }
}

impl RetryBuilder {
    /// The header that the key is sent in. `Idempotency-Key` if nothing is said.
    ///
    /// ```
    /// # use idem_client::Retry;
    /// let name = idem_client::reqwest::header::HeaderName::from_static("x-idempotency-key");
    /// let retry = Retry::builder().header(name).build();
    /// ```
    pub fn header(mut self, name: HeaderName) -> Self {
        self.0.header = name;
        self
    }

    /// How the key stands in it; bare if nothing is said. See [`KeyFormat`]. A header that the caller sets is sent as it is.
    ///
    /// ```
    /// # use idem_client::{KeyFormat, Retry};
    /// let retry = Retry::builder().key_format(KeyFormat::Quoted).build();
    /// ```
    pub fn key_format(mut self, format: KeyFormat) -> Self {
        self.0.format = format;
        self
    }

    /// Whether a `POST` or `PATCH` without a key gets one; `true` if nothing is said. Without, it is sent once and never again.
    ///
    /// ```
    /// # use idem_client::Retry;
    /// // For a server that does not know keys: nothing but GET, HEAD, OPTIONS, PUT and DELETE is retried.
    /// let retry = Retry::builder().make_keys(false).build();
    /// ```
    pub fn make_keys(mut self, makes_keys: bool) -> Self {
        self.0.makes_keys = makes_keys;
        self
    }

    /// How many times a request is sent at most, the first one counted; 4 if nothing is said, and at least 1.
    ///
    /// ```
    /// # use idem_client::Retry;
    /// let once = Retry::builder().max_attempts(1).build();
    /// ```
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.0.limits.attempts = attempts.max(1);
        self
    }

    /// The ceiling of the first delay, and that of any delay. It doubles from one to the other; each delay is drawn between
    /// nothing and the ceiling (full jitter), so that clients that failed together do not come back together. 1 s and 30 s if
    /// nothing is said.
    ///
    /// ```
    /// # use idem_client::Retry;
    /// # use std::time::Duration;
    /// // At most 0.2, 0.4, 0.8, 1, 1 s ..
    /// let retry = Retry::builder().backoff(Duration::from_millis(200), Duration::from_secs(1)).build();
    /// ```
    pub fn backoff(mut self, base: Duration, longest: Duration) -> Self {
        (self.0.limits.base, self.0.limits.longest) = (base, longest);
        self
    }

    /// The longest `Retry-After` that is waited for; 60 s if nothing is said. Where the server asks for more, its answer is
    /// handed to the caller at once ([`Stopped::ToldToWaitTooLong`](crate::Stopped::ToldToWaitTooLong)): it is not asked sooner than it said.
    ///
    /// ```
    /// # use idem_client::Retry;
    /// # use std::time::Duration;
    /// let retry = Retry::builder().longest_retry_after(Duration::from_secs(5)).build();
    /// ```
    pub fn longest_retry_after(mut self, longest: Duration) -> Self {
        self.0.limits.longest_retry_after = longest;
        self
    }

    /// How long one try may take, until its answer is there (and read, see [`RetryBuilder::whole_answers`]); 30 s if nothing is
    /// said. Make it longer than the slowest honest answer, an upload included.
    ///
    /// ```
    /// # use idem_client::Retry;
    /// # use std::time::Duration;
    /// let retry = Retry::builder().try_timeout(Duration::from_secs(10)).build();
    /// ```
    pub fn try_timeout(mut self, one_try: Duration) -> Self {
        self.0.limits.one_try = one_try;
        self
    }

    /// How long all tries and the delays between them may take; 120 s if nothing is said. No delay is begun that would end
    /// later, and the last try is cut short.
    ///
    /// ```
    /// # use idem_client::Retry;
    /// # use std::time::Duration;
    /// let retry = Retry::builder().total_time(Duration::from_secs(15)).build();
    /// ```
    pub fn total_time(mut self, total: Duration) -> Self {
        self.0.limits.total = total;
        self
    }

    /// Answers of up to so many bytes are read within their try, so that one that breaks off in the middle is asked for again;
    /// 1 MiB if nothing is said. Longer ones, streams of events, and answers to `GET`, `HEAD` and `OPTIONS` are handed on as they
    /// come.
    ///
    /// ```
    /// # use idem_client::Retry;
    /// let as_they_come = Retry::builder().whole_answers(0).build();
    /// ```
    pub fn whole_answers(mut self, bytes: usize) -> Self {
        self.0.whole_answers = bytes;
        self
    }

    /// What else a server says of retries. Asked for every 4xx and 5xx; `Some` decides, `None` leaves it to the status. It
    /// changes neither the limits, nor that nothing is retried without a key, nor what was said of the key for good
    /// (`key_reused`, `outcome_unknown`, `response_not_kept`).
    ///
    /// ```
    /// use idem_client::{Retry, stripe_should_retry};
    ///
    /// let retry = Retry::builder().hint(stripe_should_retry).build();
    /// ```
    pub fn hint(mut self, hint: impl Fn(StatusCode, &HeaderMap) -> Option<bool> + Send + Sync + 'static) -> Self {
        self.0.hint = Some(Arc::new(hint));
        self
    }

    /// Told of every try as it ends. The same goes to `tracing`.
    ///
    /// ```
    /// # use idem_client::Retry;
    /// let retry = Retry::builder().on_try(|it| println!("try {}: {:?}", it.number(), it.status())).build();
    /// ```
    pub fn on_try(mut self, observer: impl Fn(&Try<'_>) + Send + Sync + 'static) -> Self {
        self.0.observer = Some(Arc::new(observer));
        self
    }

    /// Where the jitter comes from: numbers from 0 up to 1. Random ones if nothing is said; a test can say which.
    ///
    /// ```
    /// # use idem_client::Retry;
    /// let exact = Retry::builder().random(|| 1.0).build();
    /// ```
    pub fn random(mut self, random: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        self.0.random = Arc::new(random);
        self
    }

    /// The middleware.
    ///
    /// ```
    /// # use idem_client::Retry;
    /// let retry = Retry::builder().build();
    /// ```
    #[must_use]
    pub fn build(self) -> Retry {
        self.0
    }
}

impl std::fmt::Debug for RetryBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("RetryBuilder").field(&self.0).finish()
    }
}

/// The hint that Stripe gives: `Stripe-Should-Retry: true` or `false`.
///
/// ```
/// use idem_client::reqwest::{StatusCode, header::HeaderMap};
///
/// let headers: HeaderMap = [("stripe-should-retry".parse()?, "false".parse()?)].into_iter().collect();
/// assert_eq!(idem_client::stripe_should_retry(StatusCode::INTERNAL_SERVER_ERROR, &headers), Some(false));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn stripe_should_retry(_status: StatusCode, headers: &HeaderMap) -> Option<bool> {
    headers.get("stripe-should-retry")?.to_str().ok()?.parse().ok()
}
