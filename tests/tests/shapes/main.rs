//! Handlers of every shape, each run through a router: once for its key, and replayed the second time. So are functions that
//! are no handlers, without a router.
//!
//! Everything here is held to clippy's strictest groups: what the attribute adds must not show. Built for edition 2021
//! and for edition 2024.

#![deny(warnings, clippy::pedantic, clippy::nursery, unused, rust_2018_idioms)]
#![allow(unreachable_pub, reason = "it is said of the shapes as it would be without the attribute")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod arguments;
mod bodies;
mod expressions;
mod generics;
mod hygiene;
mod jobs;
mod patterns;
mod returns;
mod stacked;

use axum::Router;
use axum::body::Body;
use axum::extract::FromRef;
use axum::http::{HeaderMap, Request, StatusCode, header};
use axum::routing::{MethodRouter, post};
use http_body_util::BodyExt as _;
use idem_runtime::{Idempotency, MemoryStore};
use tower::ServiceExt as _;

/// The state of every shape but a few.
#[derive(Clone, Debug)]
struct AppState {
    idempotency: Idempotency,
    name: &'static str,
}

impl FromRef<AppState> for Idempotency {
    fn from_ref(state: &AppState) -> Self {
        state.idempotency.clone()
    }
}

fn state() -> AppState {
    AppState { idempotency: Idempotency::new(MemoryStore::new()), name: "state" }
}

/// What a shape is sent, and what it should answer.
struct Shape {
    path: &'static str,
    uri: &'static str,
    kind: &'static str,
    body: &'static str,
    status: StatusCode,
    answer: &'static str,
}

/// A shape that is sent `{"id":7,"name":"x"}` as JSON.
const JSON: Shape = Shape {
    path: "/",
    uri: "/",
    kind: "application/json",
    body: r#"{"id":7,"name":"x"}"#,
    status: StatusCode::OK,
    answer: "",
};

impl Shape {
    const fn answers(answer: &'static str) -> Self {
        Self { answer, ..JSON }
    }

    const fn at(self, path: &'static str, uri: &'static str) -> Self {
        Self { path, uri, ..self }
    }

    const fn sent(self, kind: &'static str, body: &'static str) -> Self {
        Self { kind, body, ..self }
    }

    const fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// Runs it twice: the first answer comes from the handler, the second from the record.
    async fn check(self, handler: MethodRouter<AppState>) {
        let router = Router::new().route(self.path, handler).with_state(state());
        self.check_router(router).await;
    }

    async fn check_router(self, router: Router) {
        for replayed in [false, true] {
            let (status, headers, answer) = self.send(&router).await;
            assert_eq!((status, answer.as_str()), (self.status, self.answer));
            assert_eq!(headers.contains_key("idempotency-replayed"), replayed);
        }
    }

    async fn send(&self, router: &Router) -> (StatusCode, HeaderMap, String) {
        let request = Request::post(self.uri)
            .header("idempotency-key", "k")
            .header(header::CONTENT_TYPE, self.kind)
            .body(Body::from(self.body))
            .unwrap();
        let (parts, body) = router.clone().oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (parts.status, parts.headers, String::from_utf8_lossy(&body).into_owned())
    }
}

/// A test for a handler: `shape!(name, Shape)`.
macro_rules! shape {
    ($handler:ident, $shape:expr) => {
        $crate::shape!($handler, post($handler), $shape);
    };
    ($test:ident, $routed:expr, $shape:expr) => {
        mod $test {
            #[allow(unused_imports, reason = "not every shape needs them")]
            use super::*;

            #[tokio::test]
            async fn runs_once() {
                $shape.check($routed).await;
            }
        }
    };
}
use shape;

mod the_smallest {
    use super::{Shape, post};
    use idem_runtime::idempotent;

    #[idempotent(ttl = "1h")]
    async fn nothing() {}
    shape!(nothing, Shape::answers(""));
}
