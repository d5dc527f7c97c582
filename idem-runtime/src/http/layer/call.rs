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
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::Config;
use super::aside::{Guarding, Known, Mark, Passing, make_way};
use crate::engine::adopt::Adoptable;
use crate::engine::stats::Event;
use crate::engine::{Ending, Finished};
use crate::http::guarded;
use crate::http::refusal::{Refusal, RefusalCode};
use crate::http::run::{self, Body, Instead, Start};
use crate::http::{recording, route::Guard};
use crate::store::Writes;
use crate::telemetry::{Outcome, Seen};

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
    // An extractor in front of the annotated argument may have refused it, which is no success.
    let is_refused = response.status().is_client_error() || response.status().is_server_error();
    if !was_guarded && !is_refused {
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
    mut request: axum::extract::Request,
    inner: Inner,
) -> Response {
    // What is nearer to the handler wins, and that is this one.
    make_way(request.extensions_mut()).await;
    let is_routed = request.extensions().get::<OriginalUri>().is_some();
    let (request, handlers) = match guarded::buffer(request, config.idempotency.clone()).await {
        Ok(both) => both,
        Err(rejection) => return rejection,
    };
    let (parts, body) = handlers.into_parts();
    let arguments = config.evaluate(&parts, &request.body);
    let handlers = axum::extract::Request::from_parts(parts, body);
    let no_route = is_routed && request.matched_path.is_none();
    let progress = Arc::clone(request.execution.progress());
    let stats = Arc::clone(config.idempotency.engine().stats());
    let start = Start { route: Guard::Shared(Arc::clone(&config.route)), request, arguments };
    let seen = run::see(&start);
    let span = seen.span();
    let call = Call { config, known, seen, no_route };
    Adoptable::new(call.guard(start, handlers, inner).instrument(span), progress, stats).await
}

/// One request, its body read.
struct Call {
    config: Arc<Config>,
    known: Arc<Known>,
    seen: Seen,
    /// A router has looked for its route, and found none.
    no_route: bool,
}

impl Call {
    async fn guard(self, start: Start, mut handlers: axum::extract::Request, inner: Inner) -> Response {
        let Self { config, known, seen, no_route } = &self;
        let idempotency = &config.idempotency;
        let request = &start.request;
        let guarding = Arc::new(Guarding {
            execution: request.execution.clone(),
            method: request.method.clone(),
            path: request.matched_path.clone(),
            known: Arc::clone(known),
            asked: CancellationToken::new(),
            given_back: CancellationToken::new(),
        });
        // Whatever ends this: nobody waits for a claim that is not held.
        let given_back = guarding.given_back.clone().drop_guard();
        handlers.extensions_mut().insert(Mark::Guarding(Arc::clone(&guarding)));
        let identified = match identify(start, *no_route) {
            Ok(Some(identified)) => identified,
            Ok(None) => {
                drop(given_back);
                let response = inner(handlers).await;
                if guarding.asked.is_cancelled() {
                    seen.end(Outcome::StoodAside);
                } else {
                    idempotency.engine().stats().count(Event::Unprotected);
                    seen.end(Outcome::Unprotected);
                }
                return response;
            }
            Err(refusal) => {
                if known.is_first_refusal() {
                    tracing::warn!(
                        method = %guarding.method,
                        path = guarding.path.as_ref().map(MatchedPath::as_str),
                        code = %refusal.code(),
                        "a request was refused in front of a handler of which it is not known whether it guards itself. If it \
                         does, and takes such requests, name the route in `except`"
                    );
                }
                return run::refuse(idempotency, seen, &refusal);
            }
        };
        let mut waiting = Some((inner, handlers));
        let came = {
            let work = || {
                let waiting = waiting.take();
                let (call, guarding) = (&self, &guarding);
                async move {
                    match waiting {
                        Some((inner, handlers)) => call.work(guarding, inner(handlers)).await,
                        None => unreachable!("the work is asked for once"),
                    }
                }
            };
            identified.execute(seen, work).await
        };
        match (came, waiting) {
            (Ok(Came::Answered(response)), _) => response,
            (Ok(Came::Asked(unfinished)), _) => {
                seen.end(Outcome::StoodAside);
                guarding.execution.give_back();
                drop(given_back);
                unfinished.await
            }
            // Refused because of a claim that this layer made before it knew better: it has no say here.
            (Err(Instead::Refused(_)), Some((inner, handlers))) if known.is_guarded_nearer(&guarding.method) => {
                seen.end(Outcome::StoodAside);
                guarding.execution.give_back();
                drop(given_back);
                let response = inner(handlers).await;
                look_back(known, &guarding.method, guarding.asked.is_cancelled(), &response);
                response
            }
            (Err(instead), _) => instead.into_response(),
        }
    }

    async fn work(&self, guarding: &Guarding, handler: Body) -> Finished<Came> {
        let given_back = |came| Finished { answer: came, ending: Ending::Release, writes: Writes::Keep };
        let response = match until_asked(guarding, handler).await {
            Ok(response) => response,
            Err(unfinished) => return given_back(Came::Asked(unfinished)),
        };
        let is_missing = matches!(response.status(), StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED);
        // It may be there tomorrow. And what stands between the layer and a handler that guards itself has answered for it.
        if self.no_route && is_missing || guarding.asked.is_cancelled() {
            return given_back(Came::Answered(response));
        }
        let replayed_header = &self.config.idempotency.face().replayed_header;
        let Finished { answer, ending, writes } =
            recording::record(&self.config.route, replayed_header, response).await;
        Finished { answer: Came::Answered(answer), ending, writes }
    }
}

fn identify(start: Start, no_route: bool) -> Result<Option<run::Identified>, Refusal> {
    match run::identify(start) {
        // So that what there is not, is not found.
        Err(refusal) if no_route && refusal.code() == RefusalCode::MissingKey => Ok(None),
        identified => identified,
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
