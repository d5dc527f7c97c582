//! How a layer makes way for what guards the same request nearer to the handler: an annotation, or another layer.
//!
//! The layer cannot see what it is around. So it leaves a mark in the request, and whoever finds it asks the layer to stand
//! aside: the layer gives its claim back, and only then the other one makes its own. What was found out once, is known to
//! this layer's service from then on.
//!
//! ```text
//! layer:   claim ── polls the handler ──┐           ┌─ release ── polls the handler on, and does not judge its answer
//! handler:          extractors ── finds the mark ── (waits) ──── own claim, or a replay
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::MatchedPath;
use http::Method;
use parking_lot::RwLock;
use tokio_util::sync::CancellationToken;

use crate::http::execution::Execution;

/// What the service of one route knows about the handlers behind it.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Methods whose handler guards itself. Mostly one service is around one handler, so there are few.
    guarded_nearer: RwLock<Vec<Method>>,
    /// Whether it has been said that a request was refused before anything was known.
    warned: AtomicBool,
    /// Whether it has been said that nothing can be remembered.
    said_nested: AtomicBool,
}

impl Known {
    pub(super) fn is_guarded_nearer(&self, method: &Method) -> bool {
        self.guarded_nearer.read().contains(method)
    }

    fn learn(&self, method: &Method) {
        let mut methods = self.guarded_nearer.write();
        if !methods.contains(method) {
            methods.push(method.clone());
        }
    }

    pub(super) fn forget(&self, method: &Method) {
        self.guarded_nearer.write().retain(|known| known != method);
    }

    /// Whether this is the first time that it is asked.
    pub(super) fn is_first_refusal(&self) -> bool {
        !self.warned.swap(true, Ordering::Relaxed)
    }
}

/// In the extensions of a request that a layer has to do with.
#[derive(Clone)]
pub(in crate::http) enum Mark {
    /// A layer guards it.
    Guarding(Arc<Guarding>),
    /// A layer lets it pass, as something nearer guards it.
    Passing(Arc<Passing>),
}

/// One request that a layer guards.
pub(in crate::http) struct Guarding {
    pub(super) execution: Execution,
    pub(super) method: Method,
    pub(super) path: Option<MatchedPath>,
    pub(super) known: Arc<Known>,
    /// Something nearer guards the request.
    pub(super) asked: CancellationToken,
    /// The layer holds no claim (any more).
    pub(super) given_back: CancellationToken,
}

/// One request that passes a layer.
#[derive(Default)]
pub(in crate::http) struct Passing {
    /// It was guarded nearer indeed.
    pub(super) guarded: AtomicBool,
    /// What a layer further out has left in the request.
    pub(super) outer: Option<Mark>,
}

impl Guarding {
    /// What was found out about this request holds for its route, if this layer and whoever guards it nearer see the same
    /// one: behind a nested service, there are several.
    fn learn(&self, path: Option<&MatchedPath>) {
        let same = |mine: &MatchedPath| path.is_some_and(|path| path.as_str() == mine.as_str());
        match &self.path {
            Some(mine) if same(mine) => {
                self.known.learn(&self.method);
                tracing::warn!(
                    method = %self.method,
                    path = mine.as_str(),
                    "this route is guarded by an annotation or a layer nearer to it: the layer stands aside from now on. Name \
                     it in `except`, so that this is known before its first request"
                );
            }
            mine if !self.known.said_nested.swap(true, Ordering::Relaxed) => tracing::warn!(
                method = %self.method,
                path = mine.as_ref().map(MatchedPath::as_str),
                "a request behind a service is guarded nearer to its handler: the layer stands aside for this one request, \
                 and has to claim each one to find out. Put the layer on the router that has the routes"
            ),
            _ => {}
        }
    }
}

/// Called by whoever guards a request nearer to its handler, on `path`. When it returns, no layer further out holds a claim
/// for it.
pub(in crate::http) async fn make_way(mark: Mark, path: Option<&MatchedPath>) {
    let mut next = Some(mark);
    while let Some(mark) = next {
        next = match mark {
            Mark::Guarding(guarding) => {
                guarding.learn(path);
                guarding.asked.cancel();
                guarding.given_back.cancelled().await;
                None
            }
            Mark::Passing(passing) => {
                passing.guarded.store(true, Ordering::Relaxed);
                passing.outer.clone()
            }
        };
    }
}
