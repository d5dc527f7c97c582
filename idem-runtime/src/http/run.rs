//! One guarded call of a handler, from its extracted arguments to its response.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::response::{IntoResponse, Response};
use http::header::CACHE_CONTROL;
use http::{HeaderValue, StatusCode};
use pin_project_lite::pin_project;

use super::execution::{Execution, Work};
use super::guarded::{Keyed, Request};
use super::key_text::KeyText;
use super::key_value::Arguments;
use super::refusal::{Refusal, RefusalCode};
use super::route::{Content, Missing, Route};
use super::{content, cors, key, message, recording};
use crate::Idempotency;
use crate::digest::{Digester, Fingerprint, RecordKey};
use crate::engine::adopt::Adoptable;
use crate::engine::stats::Event;
use crate::engine::{Answer, Call, Finished, Refused, UnavailableBecause};

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
    Run {
        state: match begin(route, request, arguments) {
            Begun::Answered(response) => State::Answered { response: Some(response) },
            Begun::Unprotected => State::Unprotected { body, respond },
            Begun::Guarded(guard) => {
                State::Guarded { guarding: Guarding { guard, left: Some((body, respond)), pack: None } }
            }
        },
    }
}

pin_project! {
    /// The future of a guarded call. A request whose claim may be held is carried to its end when this is dropped.
    ///
    /// A type with the body's future in its name, so that what axum asks of a handler's future (`Send`, `'static`) is asked
    /// where the handler is routed.
    pub struct Run<F: Future> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = Projected]
    enum State<F: Future> {
        /// Without the handler: the request is refused.
        Answered { response: Option<Response> },
        /// The request has no key.
        Unprotected { #[pin] body: F, respond: fn(F::Output) -> Response },
        /// The body is never polled in here: it moves into a box of its own first.
        Guarded { guarding: Guarding<F> },
    }
}

impl<F: Future> std::fmt::Debug for Run<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Run(..)")
    }
}

impl<F> Future for Run<F>
where
    F: Future + Send + 'static,
    F::Output: 'static,
{
    type Output = Replayable<F::Output>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let poll = match self.project().state.project() {
            Projected::Answered { response } => response.take().map_or(Poll::Pending, Poll::Ready),
            Projected::Unprotected { body, respond } => body.poll(context).map(*respond),
            Projected::Guarded { guarding } => guarding.poll(context),
        };
        poll.map(|response| Replayable { response, kind: PhantomData })
    }
}

/// A request under its guard, beside the handler's body, which is handed over when it is to run.
struct Guarding<F: Future> {
    guard: Guard,
    left: Option<(F, Respond<F>)>,
    /// Known once it is polled, which only what can be packed is.
    pack: Option<Pack<F>>,
}

type Respond<F> = fn(<F as Future>::Output) -> Response;
type Pack<F> = fn(F, Respond<F>, Recorder) -> Work;

impl<F> Guarding<F>
where
    F: Future + Send + 'static,
    F::Output: 'static,
{
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Response> {
        self.pack = Some(|body, respond, recorder| Box::pin(async move { recorder.record(respond(body.await)).await }));
        loop {
            if let Poll::Ready(response) = self.guard.running.poll_here(context) {
                return Poll::Ready(response);
            }
            if self.left.is_none() || !self.guard.execution.asks_for_work() {
                self.guard.running.remember();
                return Poll::Pending;
            }
            self.hand_over();
        }
    }
}

impl<F: Future> Guarding<F> {
    fn hand_over(&mut self) {
        if let (Some((body, respond)), Some(pack)) = (self.left.take(), self.pack) {
            self.guard.execution.give_work(pack(body, respond, self.guard.recorder.clone()));
        }
    }
}

impl<F: Future> Drop for Guarding<F> {
    fn drop(&mut self) {
        // What is carried on without this one may still come to run.
        if self.guard.running.is_carried_on() {
            self.hand_over();
        }
    }
}

/// Decides what is recorded of an answer.
#[derive(Clone)]
struct Recorder {
    route: &'static Route,
    idempotency: Idempotency,
    has_key: bool,
}

impl Recorder {
    async fn record(self, response: Response) -> Finished<Response> {
        if self.has_key {
            recording::record(self.route, &self.idempotency.face().replayed_header, response).await
        } else {
            recording::unrecorded(self.route, response).await
        }
    }
}

/// The part of a guarded call that knows nothing of its handler.
struct Guard {
    running: Adoptable<Response>,
    execution: Execution,
    recorder: Recorder,
}

impl Guard {
    fn new(running: impl Future<Output = Response> + Send + 'static, execution: Execution, recorder: Recorder) -> Self {
        let stats = Arc::clone(recorder.idempotency.engine().stats());
        Self { running: Adoptable::new(running, execution.progress(), stats), execution, recorder }
    }
}

/// What becomes of a request, as far as it can be told from itself.
#[allow(clippy::large_enum_variant, reason = "it is taken apart at once")]
enum Begun {
    Answered(Response),
    Unprotected,
    Guarded(Guard),
}

fn begin(route: &'static Route, request: Request, arguments: Arguments) -> Begun {
    let Request { idempotency, execution, keyed } = request;
    let transaction = execution.as_ref().and_then(Execution::transaction);
    // The store whose transaction the handler takes is the one that keeps its record.
    let idempotency = transaction.map_or(idempotency, |(idempotency, _)| idempotency.clone());
    match identify(route, &idempotency, keyed, arguments) {
        Ok(Some(identified)) => {
            let Identified { text, key, fingerprint, origin } = identified;
            let execution = execution.unwrap_or_else(Execution::new);
            let call = execution.call(text, idempotency.clone(), key, fingerprint, route.policy());
            let running = guarded(route, idempotency.clone(), execution.clone(), call, origin);
            Begun::Guarded(Guard::new(running, execution, Recorder { route, idempotency, has_key: true }))
        }
        Ok(None) => {
            idempotency.engine().stats().count(Event::Unprotected);
            let Some(execution) = execution.filter(|execution| execution.transaction().is_some()) else {
                return Begun::Unprotected;
            };
            let running = in_transaction(route, idempotency.clone(), execution.clone());
            Begun::Guarded(Guard::new(running, execution, Recorder { route, idempotency, has_key: false }))
        }
        Err(refusal) => Begun::Answered(idempotency.face().render.render(&refusal)),
    }
}

async fn guarded(
    route: &'static Route,
    idempotency: Idempotency,
    execution: Execution,
    call: Call,
    origin: Option<HeaderValue>,
) -> Response {
    let key = call.key;
    let _asking = execution.asking();
    match idempotency.engine().execute(call, execution.work()).await {
        Ok(Answer::Executed(response)) => response,
        Ok(Answer::Replay { head, body }) => match message::decode(&head, body) {
            Ok(mut response) => {
                mark_replayed(route, idempotency.face().replayed_header.clone(), &mut response);
                cors::keep_to(origin.as_ref(), response.headers_mut());
                response
            }
            Err(error) => {
                tracing::error!(%key, %error, "a record cannot be replayed");
                idempotency.face().render.render(&Refusal::new(RefusalCode::StoreUnavailable))
            }
        },
        Err(refused) => idempotency.face().render.render(&refusal_of(&refused)),
    }
}

/// A request without a key, in a transaction of its own.
async fn in_transaction(route: &'static Route, idempotency: Idempotency, execution: Execution) -> Response {
    let Some((_, slot)) = execution.transaction() else { unreachable!("it is what is asked for") };
    let _asking = execution.asking();
    let work = async { execution.work().await.await };
    let answer = idempotency.engine().execute_unguarded(&execution.progress(), route.lease, slot, work).await;
    answer.unwrap_or_else(|refused| idempotency.face().render.render(&refusal_of(&refused)))
}

/// Which record a request belongs to, and what it has to match.
struct Identified {
    text: KeyText,
    key: RecordKey,
    fingerprint: Fingerprint,
    origin: Option<HeaderValue>,
}

/// `None` if the request has no key and runs unprotected.
fn identify(
    route: &Route,
    idempotency: &Idempotency,
    keyed: Option<Box<Keyed>>,
    arguments: Arguments,
) -> Result<Option<Identified>, Refusal> {
    let no_key = || match route.missing {
        Missing::Execute => Ok(None),
        Missing::Refuse(status) => Err(Refusal::missing_key(route.key, status)),
    };
    let Some(mut request) = keyed else { return no_key() };
    let Some(text) = key::find(route.key, &mut request, arguments.key)? else { return no_key() };
    let scope = key::find_scope(route.scope, &request, arguments.scope)?;
    let digester = idempotency.digester();
    let key = match route.operation {
        Some(operation) => digester.record_key(&[operation], scope.as_deref(), text.as_str()),
        None => {
            let path = request.matched_path.as_ref().map_or_else(|| request.uri.path(), |path| path.as_str());
            digester.record_key(&[request.method.as_str(), path], scope.as_deref(), text.as_str())
        }
    };
    let fingerprint = fingerprint(route, digester, &request, key, arguments.fingerprint)?;
    Ok(Some(Identified { text, key, fingerprint, origin: request.origin }))
}

fn fingerprint(
    route: &Route,
    digester: &Digester,
    request: &Keyed,
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
