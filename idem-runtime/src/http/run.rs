//! One guarded call of a handler, from its extracted arguments to its response.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::response::{IntoResponse, Response};
use pin_project_lite::pin_project;
use tracing::Instrument as _;
use tracing::instrument::Instrumented;

use super::call::{Identified, Instead, Start, Unguarded, refusal_of, refuse, see};
use super::execution::{Execution, Work};
use super::guarded::Request;
use super::identify::{Ids, identify};
use super::key_value::Arguments;
use super::recording;
use super::route::{Guard, Route, Rules};
use crate::Idempotency;
use crate::engine::adopt::Adoptable;
use crate::engine::stats::Event;
use crate::engine::{Attempt, Finished};
use crate::telemetry::Seen;

/// The response of a guarded handler whose own return type is `R`.
pub struct Replayable<R> {
    response: Response,
    kind: PhantomData<fn() -> R>,
}

impl<R> Replayable<R> {
    const fn ready(response: Response) -> Poll<Self> {
        Poll::Ready(Self { response, kind: PhantomData })
    }
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
    Run { state: State::New { call: Some((start, body, respond)) } }
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
        /// It has not been polled. `None` once it is answered, without a word of the handler's.
        New { call: Option<(Start, F, Respond<F>)> },
        Unguarded {
            #[pin]
            body: Instrumented<F>,
            respond: Respond<F>,
            unguarded: Unguarded,
            seen: Option<Seen>,
        },
        /// The body is never polled in here: it moves into a box of its own first.
        Guarded { guarding: Guarding<F> },
    }
}

type Respond<F> = fn(<F as Future>::Output) -> Response;

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
        let mut state = self.project().state;
        if let Projected::New { call } = state.as_mut().project() {
            let Some((start, body, respond)) = call.take() else { return Poll::Pending };
            match begin(start) {
                Begun::Answered(response) => return Replayable::ready(response),
                Begun::Unguarded(unguarded, seen) => {
                    let body = body.instrument(seen.span());
                    state.set(State::Unguarded { body, respond, unguarded, seen: Some(seen) });
                }
                Begun::Guarded(engines) => {
                    state.set(State::Guarded { guarding: Guarding::new(engines, body, respond) });
                }
            }
        }
        let response = match state.project() {
            Projected::New { .. } => return Poll::Pending,
            Projected::Unguarded { body, respond, unguarded, seen } => {
                // In hand while the body is polled: what a panic drops has seen one, and what is dropped later has not.
                let here = seen.take();
                let Poll::Ready(answer) = body.poll(context) else {
                    *seen = here;
                    return Poll::Pending;
                };
                match here {
                    None => respond(answer),
                    Some(seen) => {
                        let response = seen.span().in_scope(|| respond(answer));
                        seen.end(unguarded.outcome());
                        unguarded.mark(response)
                    }
                }
            }
            Projected::Guarded { guarding } => std::task::ready!(guarding.poll(context)),
        };
        Replayable::ready(response)
    }
}

/// A request under its guard. The handler's part is handed over to the engine's when it is to run, and for a replay never.
struct Guarding<F: Future> {
    engines: Engines,
    handlers: Option<(F, Respond<F>)>,
    pack: Pack<F>,
}

type Pack<F> = fn(F, Respond<F>, Recorder) -> Work;

impl<F> Guarding<F>
where
    F: Future + Send + 'static,
    F::Output: 'static,
{
    fn new(engines: Engines, body: F, respond: Respond<F>) -> Self {
        let pack: Pack<F> =
            |body, respond, recorder| Box::pin(async move { recorder.record(respond(body.await)).await });
        Self { engines, handlers: Some((body, respond)), pack }
    }
}

impl<F: Future> Guarding<F> {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Response> {
        loop {
            if let Poll::Ready(response) = self.engines.running.poll_here(context) {
                return Poll::Ready(response);
            }
            if self.handlers.is_none() || !self.engines.execution.asks_for_work() {
                self.engines.running.remember();
                return Poll::Pending;
            }
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        let Engines { rules, execution, .. } = &self.engines;
        let Some((body, respond)) = self.handlers.take() else { return };
        if let Some((idempotency, has_key)) = execution.guard() {
            let recorder = Recorder { rules: *rules, idempotency: idempotency.clone(), has_key };
            execution.give_work((self.pack)(body, respond, recorder));
        }
    }
}

impl<F: Future> Drop for Guarding<F> {
    fn drop(&mut self) {
        // What is carried on without this one may still come to run.
        if self.engines.running.is_carried_on() {
            self.hand_over();
        }
    }
}

/// Decides what is recorded of an answer.
struct Recorder {
    rules: Rules,
    idempotency: Idempotency,
    has_key: bool,
}

impl Recorder {
    async fn record(self, response: Response) -> Finished<Response> {
        if self.has_key {
            recording::record(&self.rules, &self.idempotency.face().replayed_header, response).await
        } else {
            recording::unrecorded(&self.rules, response).await
        }
    }
}

/// The engine's part of a guarded call, which knows nothing of its handler.
struct Engines {
    running: Adoptable<Response>,
    execution: Execution,
    rules: Rules,
}

/// What becomes of a request, as far as it can be told at once: from itself, and for a replay from a store that never waits.
#[allow(clippy::large_enum_variant, reason = "it is taken apart at once")]
enum Begun {
    Answered(Response),
    Unguarded(Unguarded, Seen),
    Guarded(Engines),
}

fn begin(mut start: Start) -> Begun {
    if let Some((idempotency, _)) = start.request.execution.as_ref().and_then(Execution::transaction) {
        // The store whose transaction the handler takes is the one that keeps its record.
        start.request.idempotency = idempotency.clone();
    }
    let seen = see(&start);
    let rules = start.route.rules(start.request.idempotency.defaults());
    let bypassed = start.request.idempotency.engine().bypasses();
    let identified = if bypassed { Ok(None) } else { seen.span().in_scope(|| identify(&mut start, &rules)) };
    match identified {
        Ok(Some(ids)) => guard(start, rules, ids, seen),
        Ok(None) => {
            let unguarded = if bypassed { Unguarded::Bypassed } else { Unguarded::Keyless };
            if !bypassed {
                start.request.idempotency.engine().stats().count(Event::Unprotected);
            }
            match start.request.execution.take() {
                Some(execution) if execution.transaction().is_some() => {
                    Begun::Guarded(write(rules, unguarded, start.request.idempotency, execution, seen))
                }
                _ => Begun::Unguarded(unguarded, seen),
            }
        }
        Err(refusal) => {
            let refuse = || refuse(&start.request.idempotency, &seen, &refusal);
            Begun::Answered(seen.span().in_scope(refuse))
        }
    }
}

/// The response, if it is recorded and the store can tell at once; otherwise, what has to be polled for it.
fn guard(start: Start, rules: Rules, ids: Ids, seen: Seen) -> Begun {
    let span = seen.span();
    let entered = span.enter();
    let mut attempt = Attempt::new(ids.key, ids.fingerprint, &rules.policy);
    if let Some(response) = ids.replay_at_once(&start, &mut attempt, &seen) {
        return Begun::Answered(response);
    }
    drop(entered);
    let (identified, execution) = ids.go_on(start, &rules, attempt);
    let stats = Arc::clone(identified.idempotency.engine().stats());
    let progress = execution.progress();
    let running = Adoptable::new(guarded(identified, execution.clone(), seen), progress, stats, span);
    Begun::Guarded(Engines { running, execution, rules })
}

/// What has to be polled for a request without a key that writes in a transaction of its own.
fn write(rules: Rules, unguarded: Unguarded, idempotency: Idempotency, execution: Execution, seen: Seen) -> Engines {
    let (span, progress) = (seen.span(), execution.progress());
    let stats = Arc::clone(idempotency.engine().stats());
    let running = in_transaction(rules, unguarded, idempotency, execution.clone(), seen);
    Engines { running: Adoptable::new(running, progress, stats, span), execution, rules }
}

#[allow(clippy::manual_async_fn, reason = "the future of an `async fn` has its arguments in it twice")]
fn guarded(mut identified: Identified, execution: Execution, seen: Seen) -> impl Future<Output = Response> + Send {
    async move {
        let _asking = execution.asking();
        identified.execute(&seen, execution.work()).await.unwrap_or_else(Instead::into_response)
    }
}

/// A request whose key nobody looks at, in a transaction of its own.
async fn in_transaction(
    rules: Rules,
    unguarded: Unguarded,
    idempotency: Idempotency,
    execution: Execution,
    seen: Seen,
) -> Response {
    let Some((_, slot)) = execution.transaction() else { unreachable!("it is what is asked for") };
    let _asking = execution.asking();
    let work = async { execution.work().await.await };
    let answer = idempotency.engine().execute_unguarded(&execution.progress(), rules.policy.lease, slot, work).await;
    seen.end(unguarded.outcome());
    unguarded.mark(answer.unwrap_or_else(|refused| refuse(&idempotency, &seen, &refusal_of(&refused))))
}
