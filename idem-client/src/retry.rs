//! The middleware: one request, sent until it has an answer.

use std::time::{Duration, SystemTime};

use http::{Extensions, HeaderName, Method};
use reqwest::{Request, Response};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Middleware, Next};
use tokio::time::{Instant, timeout};

use crate::answer::{self, Read};
use crate::builder::{Hint, Observer, Random};
use crate::judge::{Answer, Judgement, is_replay, judge, may_help_after};
use crate::redirect::{SENT, Sent};
use crate::schedule::{Limits, Schedule};
use crate::{Error, Key, KeyFormat, Outcome, RetryBuilder, Stopped, Try, Unanswered, redirects};

/// Makes retries safe: a middleware for `reqwest`.
///
/// ```
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use idem_client::{Retry, reqwest};
///
/// let client = Retry::default().client(reqwest::Client::builder())?;
/// let response = client.post("https://shop.example/v1/payments").body("12.50").send().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Retry {
    pub(crate) header: HeaderName,
    pub(crate) format: KeyFormat,
    pub(crate) makes_keys: bool,
    pub(crate) limits: Limits,
    pub(crate) whole_answers: usize,
    pub(crate) hint: Option<Hint>,
    pub(crate) observer: Option<Observer>,
    pub(crate) random: Random,
}

impl Default for Retry {
    fn default() -> Self {
        RetryBuilder::default().build()
    }
}

impl Retry {
    /// With options of one's own.
    ///
    /// ```
    /// let retry = idem_client::Retry::builder().max_attempts(6).build();
    /// ```
    pub fn builder() -> RetryBuilder {
        RetryBuilder::default()
    }

    /// A client with this middleware, whose redirects are [`redirects`].
    ///
    /// To put other middleware beside it, build the client with `reqwest_middleware::ClientBuilder`, and set the redirects yourself;
    /// what stands behind it sees every try.
    ///
    /// ```
    /// # fn example() -> Result<(), idem_client::reqwest::Error> {
    /// use idem_client::{Retry, reqwest};
    ///
    /// let client = Retry::default().client(reqwest::Client::builder().user_agent("shop"))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When `reqwest` cannot be set up, for instance because there is no TLS.
    pub fn client(self, http: reqwest::ClientBuilder) -> Result<ClientWithMiddleware, reqwest::Error> {
        Ok(ClientBuilder::new(http.redirect(redirects()).build()?).with(self).build())
    }

    /// Sees to it that a request has the key that it should have, and gives it.
    fn settle_key(&self, request: &mut Request, extensions: &Extensions) -> Result<Option<Key>, Error> {
        let mut given = request.headers().get_all(&self.header).iter();
        let in_header = given.next().map(Key::of_field).transpose()?;
        if given.next().is_some() {
            return Err(Error::TwoKeys);
        }
        let in_extension = extensions.get::<Key>();
        let key = match (in_header, in_extension) {
            (Some(one), Some(other)) if one != *other => return Err(Error::TwoKeys),
            (Some(key), _) => {
                // Sent as the caller wrote it.
                request.headers_mut().get_mut(&self.header).into_iter().for_each(|value| value.set_sensitive(true));
                return Ok(Some(key));
            }
            (None, Some(key)) => key.clone(),
            (None, None) if self.makes_keys && needs_key(request.method()) => Key::random(),
            (None, None) => return Ok(None),
        };
        let value = key.field(self.format)?;
        request.headers_mut().insert(self.header.clone(), value);
        Ok(Some(key))
    }
}

/// Not idempotent by themselves (RFC 9110, section 9.2.2; RFC 5789).
fn needs_key(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PATCH)
}

/// Whether a method may be sent again.
fn is_repeatable(method: &Method, has_key: bool) -> bool {
    match *method {
        Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE => true,
        Method::POST | Method::PATCH => has_key,
        // Of a method that is not known it is not known either.
        _ => false,
    }
}

impl Retry {
    /// One try: sent, and read as far as it has to be within its time. An error is that of another middleware, which knows what
    /// it says.
    async fn one_try(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
        sent: Sent,
        time: Duration,
    ) -> reqwest_middleware::Result<Result<Read, Unanswered>> {
        let method = request.method().clone();
        let answered = SENT.scope(sent, async {
            let response = next.run(request, extensions).await?;
            Ok(answer::read(response, &method, self.whole_answers).await?)
        });
        match timeout(time, answered).await {
            Ok(Ok(read)) => Ok(Ok(read)),
            Ok(Err(reqwest_middleware::Error::Reqwest(error))) if error.is_timeout() => Ok(Err(Unanswered::TimedOut)),
            Ok(Err(reqwest_middleware::Error::Reqwest(error))) => Ok(Err(Unanswered::Broken(error))),
            Ok(Err(error)) => Err(error),
            Err(_elapsed) => Ok(Err(Unanswered::TimedOut)),
        }
    }

    /// What comes of one try.
    fn judge(&self, result: &Result<Read, Unanswered>) -> Judgement {
        match result {
            Ok(Read { response, code }) => {
                let (status, headers) = (response.status(), response.headers());
                let hint = self.hint.as_ref().and_then(|hint| hint(status, headers));
                judge(&Answer { status, headers, code: code.as_deref() }, hint, SystemTime::now())
            }
            Err(Unanswered::Broken(error)) if !may_help_after(error) => Judgement::Final,
            Err(_) => Judgement::Again { after: None },
        }
    }
}

#[async_trait::async_trait]
impl Middleware for Retry {
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        let key = self.settle_key(&mut request, extensions).map_err(reqwest_middleware::Error::middleware)?;
        let (method, url) = (request.method().clone(), request.url().clone());
        let sent = Sent::new(&method, key.is_some());
        let is_repeatable = is_repeatable(&method, sent.has_key);
        let mut supply = Supply::of(request, is_repeatable && self.limits.attempts > 1);
        let (mut schedule, began) = (Schedule::new(self.limits), Instant::now());
        let mut outcome =
            Outcome { attempts: 0, waited: Duration::ZERO, is_replay: false, stopped: Stopped::Final, key };
        loop {
            let request =
                supply.next().ok_or(Error::BodyNotRepeatable).map_err(reqwest_middleware::Error::middleware)?;
            outcome.attempts += 1;
            let time = schedule.time_for_a_try(began.elapsed());
            let result = self.one_try(request, extensions, next.clone(), sent, time).await?;
            let again = match self.judge(&result) {
                Judgement::Final => Err(Stopped::Final),
                Judgement::Again { .. } if !is_repeatable => Err(Stopped::NotRepeatable),
                Judgement::Again { after } => schedule.next(outcome.attempts, began.elapsed(), after, (self.random)()),
            };
            let told = Try {
                number: outcome.attempts,
                method: &method,
                url: &url,
                result: result.as_ref().map(|read| read.response.status()),
                next: again,
            };
            told.trace();
            self.observer.iter().for_each(|observer| observer(&told));
            match again {
                Ok(delay) => {
                    // An answer that is not handed on is let go of before the wait, and its connection with it.
                    drop(result);
                    outcome.waited += delay;
                    tokio::time::sleep(delay).await;
                }
                Err(stopped) => {
                    outcome.stopped = stopped;
                    return finish(result, outcome, &url);
                }
            }
        }
    }
}

/// Where the request of each try comes from.
enum Supply {
    /// Copied for each try. There is none at all, not even for the first, if it cannot be copied.
    Copies(Request),
    /// Sent once in any case, so it may be a stream.
    One(Option<Request>),
}

impl Supply {
    fn of(request: Request, is_repeated: bool) -> Self {
        if is_repeated { Self::Copies(request) } else { Self::One(Some(request)) }
    }

    fn next(&mut self) -> Option<Request> {
        match self {
            Self::Copies(request) => request.try_clone(),
            Self::One(request) => request.take(),
        }
    }
}

fn finish(
    result: Result<Read, Unanswered>,
    mut outcome: Outcome,
    url: &reqwest::Url,
) -> reqwest_middleware::Result<Response> {
    match result {
        Ok(Read { mut response, .. }) => {
            if outcome.key.is_some() && response.url().origin() != url.origin() {
                tracing::warn!(
                    target: "idem_client",
                    "the key was sent to another origin: set the client's redirects to `redirects()`"
                );
            }
            outcome.is_replay = is_replay(response.headers());
            response.extensions_mut().insert(outcome);
            Ok(response)
        }
        Err(source) => Err(reqwest_middleware::Error::middleware(Error::NoAnswer { outcome, source })),
    }
}

impl std::fmt::Debug for Retry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { header, format, makes_keys, limits, whole_answers, .. } = self;
        let mut shown = f.debug_struct("Retry");
        shown.field("header", header).field("format", format).field("makes_keys", makes_keys);
        shown.field("limits", limits).field("whole_answers", whole_answers).finish_non_exhaustive()
    }
}
