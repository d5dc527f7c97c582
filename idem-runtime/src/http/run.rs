//! One guarded call of a handler, from its extracted arguments to its response.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::MatchedPath;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, ORIGIN};
use http::{HeaderValue, StatusCode};
use tracing::Instrument as _;

use super::guarded::Request;
use super::key_value::Arguments;
use super::refusal::{Refusal, RefusalCode};
use super::route::{Content, Guard, Missing, Route};
use super::{content, cors, key, message, recording};
use crate::Idempotency;
use crate::digest::{Fingerprint, RecordKey};
use crate::engine::adopt::Adoptable;
use crate::engine::stats::Event;
use crate::engine::{Answer, Call, Finished, Refused, UnavailableBecause};
use crate::telemetry::{Operation, Outcome, Seen};

/// The response of a guarded handler whose own return type is `R`.
pub struct Replayable<R> {
    response: Response,
    kind: PhantomData<fn() -> R>,
}

impl<R> IntoResponse for Replayable<R> {
    fn into_response(self) -> Response {
        self.response
    }
}

impl<R> std::fmt::Debug for Replayable<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Replayable").field(&self.response.status()).finish()
    }
}

/// Guards one call of `body`, which is the handler's own.
pub fn run<F: Future>(
    route: &'static Route,
    request: Request,
    arguments: Arguments,
    body: F,
    respond: fn(F::Output) -> Response,
) -> Run<F> {
    let start = Start { route: Guard::Static(route), request, arguments };
    Run { state: State::Ready(Some(Ready { start, respond, body })) }
}

/// The future of a guarded call. A request whose claim may be held is carried to its end when this is dropped.
///
/// A type with the body's future in its name, so that what axum asks of a handler's future (`Send`, `'static`) is asked
/// where the handler is routed.
pub struct Run<F: Future> {
    state: State<F>,
}

#[allow(
    clippy::large_enum_variant,
    reason = "it moves into its box at the first poll: one more box would only be one more"
)]
enum State<F: Future> {
    Ready(Option<Ready<F>>),
    Running(Adoptable<Response>),
}

struct Ready<F: Future> {
    start: Start,
    respond: fn(F::Output) -> Response,
    body: F,
}

pub(super) struct Start {
    pub(super) route: Guard,
    pub(super) request: Request,
    pub(super) arguments: Arguments,
}

/// A handler's body with its type erased: everything behind it is compiled once and not once per handler, which is
/// worth more than the one allocation.
pub(super) type Body = Pin<Box<dyn Future<Output = Response> + Send>>;

impl<F: Future> std::fmt::Debug for Run<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Run(..)")
    }
}

// The body is never polled in here: it moves into a box of its own first.
impl<F: Future> Unpin for Run<F> {}

impl<F> Future for Run<F>
where
    F: Future + Send + 'static,
    F::Output: 'static,
{
    type Output = Replayable<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let State::Ready(ready) = &mut this.state
            && let Some(ready) = ready.take()
        {
            let Ready { start, respond, body } = ready;
            this.state = State::Running(adoptable(start, Box::pin(async move { respond(body.await) })));
        }
        match &mut this.state {
            State::Running(running) => {
                Pin::new(running).poll(context).map(|response| Replayable { response, kind: PhantomData })
            }
            State::Ready(..) => Poll::Pending,
        }
    }
}

fn adoptable(start: Start, body: Body) -> Adoptable<Response> {
    let progress = Arc::clone(start.request.execution.progress());
    let stats = Arc::clone(start.request.idempotency.engine().stats());
    let seen = see(&start);
    let span = seen.span();
    Adoptable::new(handle(start, body, seen).instrument(span), progress, stats)
}

pub(super) fn see(start: &Start) -> Seen {
    let Start { route, request, .. } = start;
    let matched_path = request.matched_path.as_ref().map(MatchedPath::as_str);
    let operation = Operation::of_route(route, &request.method, matched_path);
    let engine = request.idempotency.engine();
    Seen::new(operation, engine.store().name(), engine.stats().meters())
}

async fn handle(start: Start, body: Body, seen: Seen) -> Response {
    let idempotency = start.request.idempotency.clone();
    let execution = start.request.execution.clone();
    let route = start.route.clone();
    let identified = match identify(start) {
        Ok(Some(identified)) => identified,
        Ok(None) => {
            idempotency.engine().stats().count(Event::Unprotected);
            let Some((_, slot)) = execution.transaction() else {
                let response = body.await;
                seen.end(Outcome::Unprotected);
                return response;
            };
            let work = || async { recording::unrecorded(&route, body.await).await };
            let answer = idempotency.engine().execute_unguarded(execution.progress(), route.lease, slot, work).await;
            seen.end(Outcome::Unprotected);
            return answer.unwrap_or_else(|refused| refuse(&idempotency, &seen, &refusal_of(&refused)));
        }
        Err(refusal) => return refuse(&idempotency, &seen, &refusal),
    };
    let replayed_header = &idempotency.face().replayed_header;
    let work = || async { recording::record(&route, replayed_header, body.await).await };
    identified.execute(&seen, work).await.unwrap_or_else(Instead::into_response)
}

pub(super) fn refuse(idempotency: &Idempotency, seen: &Seen, refusal: &Refusal) -> Response {
    seen.end(Outcome::of_refusal(refusal.code()));
    idempotency.face().render.render(refusal)
}

/// The response of a request whose handler did not run, or whose answer must not be given.
pub(super) enum Instead {
    Replayed(Response),
    Refused(Response),
}

impl Instead {
    pub(super) fn into_response(self) -> Response {
        match self {
            Self::Replayed(response) | Self::Refused(response) => response,
        }
    }
}

/// A request whose record is known.
pub(super) struct Identified {
    route: Guard,
    idempotency: Idempotency,
    origin: Option<HeaderValue>,
    key: RecordKey,
    call: Call,
}

impl Identified {
    /// What `work` comes to, if it runs here and now; or what is answered instead.
    pub(super) async fn execute<T, F>(self, seen: &Seen, work: impl FnOnce() -> F) -> Result<T, Instead>
    where
        F: Future<Output = Finished<T>>,
    {
        let Self { route, idempotency, origin, key, call } = self;
        seen.identified(key);
        let answer = idempotency.engine().execute(call, work).await;
        seen.end(Outcome::of(&answer));
        match answer {
            Ok(Answer::Executed(answer)) => Ok(answer),
            Ok(Answer::Replay { head, body }) => match message::decode(&head, body) {
                Ok(mut response) => {
                    mark_replayed(&route, idempotency.face().replayed_header.clone(), &mut response);
                    cors::keep_to(origin.as_ref(), response.headers_mut());
                    Err(Instead::Replayed(response))
                }
                Err(error) => {
                    tracing::error!(%key, %error, "a record cannot be replayed");
                    let refusal = Refusal::new(RefusalCode::StoreUnavailable);
                    Err(Instead::Refused(refuse(&idempotency, seen, &refusal)))
                }
            },
            Err(refused) => Err(Instead::Refused(refuse(&idempotency, seen, &refusal_of(&refused)))),
        }
    }
}

/// Which record this request belongs to, and what it has to match; `None` if it has no key and runs unprotected.
pub(super) fn identify(start: Start) -> Result<Option<Identified>, Refusal> {
    let Start { route, request, arguments } = start;
    let Some(text) = key::find(&route.key, &request, arguments.key)? else {
        return match route.missing {
            Missing::Execute => Ok(None),
            Missing::Refuse(status) => Err(Refusal::missing_key(&route.key, status)),
        };
    };
    let scope = key::find_scope(&route.scope, &request, arguments.scope)?;
    let key = record_key(&route, &request, scope.as_deref(), &text);
    let fingerprint = fingerprint(&route, &request, key, arguments.fingerprint)?;
    let Request { idempotency, execution, mut headers, .. } = request;
    let call = execution.call(text, idempotency.digester(), key, fingerprint, route.policy());
    Ok(Some(Identified { origin: headers.remove(ORIGIN), route, idempotency, key, call }))
}

/// The records of a layer are its own. One that does not know yet that an annotated handler is behind it must never find
/// that handler's, and answer with it before the handler's extractors were asked.
fn record_key(route: &Guard, request: &Request, scope: Option<&str>, text: &str) -> RecordKey {
    let digester = request.idempotency.digester();
    let method = request.method.as_str();
    let path = || request.matched_path.as_ref().map_or_else(|| request.uri.path(), MatchedPath::as_str);
    match (route, &route.operation) {
        (Guard::Static(_), Some(operation)) => digester.record_key(&[operation], scope, text),
        (Guard::Static(_), None) => digester.record_key(&[method, path()], scope, text),
        // No request has an empty method.
        (Guard::Shared(_), Some(operation)) => digester.record_key(&["layer", "", operation], scope, text),
        (Guard::Shared(_), None) => digester.record_key(&["layer", method, path()], scope, text),
    }
}

fn fingerprint(
    route: &Route,
    request: &Request,
    key: RecordKey,
    from_arguments: Option<Result<Vec<u8>, serde_json::Error>>,
) -> Result<Fingerprint, Refusal> {
    let of_json;
    let of_arguments;
    let content: &[u8] = match route.fingerprint {
        Content::Body => &request.body,
        Content::Json => {
            of_json = content::of_json(&request.body);
            &of_json
        }
        Content::None => &[],
        Content::Arguments => match from_arguments {
            Some(Ok(content)) => {
                of_arguments = content;
                &of_arguments
            }
            // Without it, another request could pass for this one.
            Some(Err(error)) => {
                tracing::error!(%key, %error, "the route's fingerprint cannot be serialised");
                return Err(Refusal::new(RefusalCode::Misconfigured));
            }
            None => return Err(Refusal::new(RefusalCode::Misconfigured)),
        },
    };
    let method = request.method.as_str();
    let path = request.uri.path();
    let digester = request.idempotency.digester();
    Ok(match request.uri.query() {
        Some(query) => digester.fingerprint(key, &[method, path, query], content),
        None => digester.fingerprint(key, &[method, path], content),
    })
}

fn mark_replayed(route: &Route, marker: http::HeaderName, response: &mut Response) {
    if let Some(status) = route.replay_status.and_then(|status| StatusCode::from_u16(status).ok())
        && response.status().is_success()
    {
        *response.status_mut() = status;
    }
    let headers = response.headers_mut();
    headers.insert(marker, HeaderValue::from_static("true"));
    // A shared cache must not serve what was recorded for one client.
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

fn refusal_of(refused: &Refused) -> Refusal {
    Refusal::new(match refused {
        Refused::KeyReused => RefusalCode::KeyReused,
        Refused::InProgress => RefusalCode::InProgress,
        Refused::OutcomeUnknown => RefusalCode::OutcomeUnknown,
        Refused::ResponseNotKept => RefusalCode::ResponseNotKept,
        Refused::Draining => RefusalCode::Draining,
        Refused::Unavailable(
            UnavailableBecause::Store(_)
            | UnavailableBecause::LateClaim
            | UnavailableBecause::Contended
            | UnavailableBecause::ClaimLost,
        ) => RefusalCode::StoreUnavailable,
    })
}
