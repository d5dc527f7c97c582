//! One request that a layer guards.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use axum::extract::{MatchedPath, OriginalUri};
use axum::response::Response;
use http::{Method, StatusCode};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Config;
use super::aside::{Guarding, Known, Mark, Passing};
use crate::engine::adopt::Adoptable;
use crate::engine::stats::Event;
use crate::engine::{Ending, Finished};
use crate::http::call::{self, Instead, Start, Unguarded};
use crate::http::execution::Execution;
use crate::http::key_value::Arguments;
use crate::http::refusal::{Refusal, RefusalCode};
use crate::http::route::Guard;
use crate::http::{guarded, identify, recording};
use crate::store::Writes;
use crate::telemetry::{Outcome, Seen};

type Body = Pin<Box<Handler>>;
type Handler = dyn Future<Output = Response> + Send;
pub(super) type Inner = Box<dyn FnOnce(axum::extract::Request) -> Body + Send>;

/// Lets a request pass whose handler is known to guard itself; looks whether it did.
pub(super) async fn pass(known: Arc<Known>, mut request: axum::extract::Request, inner: Inner) -> Response {
    let method = request.method().clone();
    let outer = request.extensions_mut().remove::<Mark>();
    let passing = Arc::new(Passing { outer, ..Passing::default() });
    request.extensions_mut().insert(Mark::Passing(Arc::clone(&passing)));
    let response = inner(request).await;
    look_back(&known, &method, passing.guarded.load(Ordering::Relaxed), &response);
    response
}

/// Whether a request that was let pass was guarded nearer to its handler, as those before it.
fn look_back(known: &Known, method: &Method, was_guarded: bool, response: &Response) {
    // An extractor in front of the annotated argument may have refused it, or sent it to a login, which is no success.
    if !was_guarded && response.status().is_success() {
        known.forget(method);
        tracing::error!(
            %method,
            "a request passed the layer because its handler had guarded itself before, and ran unguarded this time: one \
             service is around several handlers. The layer claims again"
        );
    }
}

/// Guards a request, unless something nearer to its handler does.
pub(super) async fn guard(
    config: Arc<Config>,
    known: Arc<Known>,
    request: axum::extract::Request,
    inner: Inner,
) -> Response {
    let is_routed = request.extensions().get::<OriginalUri>().is_some();
    let (mut request, mut handlers) = match guarded::keep(request, config.idempotency.clone(), &config.places).await {
        Ok(both) => both,
        Err(rejection) => return rejection,
    };
    let mut arguments = Arguments::default();
    if let Some(keyed) = &request.keyed {
        let (parts, body) = handlers.into_parts();
        arguments = config.evaluate(&parts, &keyed.body);
        handlers = axum::extract::Request::from_parts(parts, body);
    }
    let no_route = is_routed && request.matched_path.is_none();
    let execution = request.execution.get_or_insert_with(Execution::new).clone();
    let (method, path) = (request.method.clone(), request.matched_path.clone());
    let (asked, given_back) = (CancellationToken::new(), CancellationToken::new());
    let guarding = Arc::new(Guarding { execution, method, path, known, asked, given_back });
    handlers.extensions_mut().insert(Mark::Guarding(Arc::clone(&guarding)));
    let progress = guarding.execution.progress();
    let stats = Arc::clone(config.idempotency.engine().stats());
    let start = Start { route: Guard::Shared(Arc::clone(&config.route)), request, arguments };
    let seen = call::see(&start);
    let span = seen.span();
    let call = Call { config, guarding, seen, no_route };
    Adoptable::new(call.guard(start, handlers, inner), progress, stats, span).await
}

/// One request, its body read.
struct Call {
    config: Arc<Config>,
    guarding: Arc<Guarding>,
    seen: Seen,
    /// A router has looked for its route, and found none.
    no_route: bool,
}

impl Call {
    async fn guard(self, mut start: Start, handlers: axum::extract::Request, inner: Inner) -> Response {
        let Self { config, guarding, seen, .. } = &self;
        // Whatever ends this: nobody waits for a claim that is not held.
        let given_back = guarding.given_back.clone().drop_guard();
        if config.idempotency.engine().is_bypassed() {
            drop(given_back);
            return self.unguarded(Unguarded::Bypassed, inner(handlers)).await;
        }
        let mut identified = match identify::identify(&mut start, &self.config.rules) {
            Ok(Some(ids)) => ids.of(start, &self.config.rules, seen).0,
            Ok(None) => {
                drop(given_back);
                return self.unguarded(Unguarded::Keyless, inner(handlers)).await;
            }
            Err(refusal) => return self.refused(&refusal),
        };
        let mut waiting = Some((inner, handlers));
        let prepared = poll_fn(|_| match waiting.take() {
            Some((inner, handlers)) => Poll::Ready(self.work(inner, handlers)),
            None => unreachable!("the work is asked for once"),
        });
        let came = identified.execute(seen, prepared).await;
        match (came, waiting) {
            (Ok(Came::Answered(response)), _) => response,
            (Ok(Came::Asked(unfinished)), _) => {
                self.stand_aside(given_back);
                unfinished.await
            }
            // Refused because of a claim that this layer made before it knew better: it has no say here.
            (Err(Instead::Refused(_)), Some((inner, handlers)))
                if guarding.known.is_guarded_nearer(&guarding.method) =>
            {
                self.stand_aside(given_back);
                let response = inner(handlers).await;
                look_back(&guarding.known, &guarding.method, guarding.asked.is_cancelled(), &response);
                response
            }
            (Err(instead), _) => instead.into_response(),
        }
    }

    /// From here on, whoever guards the request nearer to its handler may claim.
    fn stand_aside(&self, given_back: DropGuard) {
        self.seen.end(Outcome::StoodAside);
        self.guarding.execution.give_back();
        drop(given_back);
    }

    fn refused(&self, refusal: &Refusal) -> Response {
        let Guarding { method, path, known, .. } = &*self.guarding;
        if known.is_first_refusal() {
            tracing::warn!(
                %method,
                path = path.as_ref().map(MatchedPath::as_str),
                code = %refusal.code(),
                "a request was refused in front of a handler of which it is not known whether it guards itself. If it does, \
                 and takes such requests, name the route in `except`"
            );
        }
        call::refuse(&self.config.idempotency, &self.seen, refusal)
    }

    /// Nobody looks at its key, unless something nearer to its handler does.
    async fn unguarded(&self, unguarded: Unguarded, handler: Body) -> Response {
        let response = handler.await;
        if self.guarding.asked.is_cancelled() {
            self.seen.end(Outcome::StoodAside);
            return response;
        }
        let engine = self.config.idempotency.engine();
        match unguarded {
            Unguarded::Bypassed => engine.note_bypass(),
            Unguarded::Keyless => engine.stats().count(Event::Unprotected),
        }
        self.seen.end(unguarded.outcome());
        unguarded.mark(response)
    }

    async fn work(&self, inner: Inner, handlers: axum::extract::Request) -> Finished<Came> {
        // In here, and not before: a service may panic as it is called, too.
        let handler = inner(handlers);
        let given_back = |came| Finished { answer: came, ending: Ending::Release, writes: Writes::Keep };
        let response = match until_asked(&self.guarding, handler).await {
            Ok(response) => response,
            Err(unfinished) => return given_back(Came::Asked(unfinished)),
        };
        let is_missing = matches!(response.status(), StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED);
        // It may be there tomorrow. And what stands between the layer and a handler that guards itself has answered for it.
        if self.no_route && is_missing || self.guarding.asked.is_cancelled() {
            return given_back(Came::Answered(response));
        }
        let replayed_header = &self.config.idempotency.face().replayed_header;
        let Finished { answer, ending, writes } =
            recording::record(&self.config.rules, replayed_header, response).await;
        Finished { answer: Came::Answered(answer), ending, writes }
    }
}

/// What the handler came to.
enum Came {
    Answered(Response),
    /// Something nearer to the handler guards the request, and waits until this layer's claim is given back.
    Asked(Body),
}

/// The handler's answer; or the handler itself, where the layer is asked to stand aside.
async fn until_asked(guarding: &Guarding, mut handler: Body) -> Result<Response, Body> {
    let mut asked = pin!(guarding.asked.cancelled());
    let response = poll_fn(|context| match poll_handler(guarding, handler.as_mut(), context) {
        Poll::Ready(response) => Poll::Ready(Some(response)),
        Poll::Pending => asked.as_mut().poll(context).map(|()| None),
    });
    response.await.ok_or(handler)
}

fn poll_handler(guarding: &Guarding, handler: Pin<&mut Handler>, context: &mut Context<'_>) -> Poll<Response> {
    match catch_unwind(AssertUnwindSafe(|| handler.poll(context))) {
        Ok(poll) => poll,
        Err(panic) => match guarding.execution.transaction() {
            // What it panicked about: there is none, and there is nothing to be undone.
            Some((idempotency, _)) if !guarding.asked.is_cancelled() => {
                tracing::error!(
                    method = %guarding.method,
                    path = guarding.path.as_ref().map(MatchedPath::as_str),
                    "a handler behind a layer takes the record's own transaction, which only a handler with \
                     #[idempotent(..)] has: annotate it"
                );
                Poll::Ready(idempotency.face().render.render(&Refusal::new(RefusalCode::Misconfigured)))
            }
            _ => resume_unwind(panic),
        },
    }
}
