//! What can stand in a handler's body.

use std::rc::Rc;

use axum::Json;
use axum::routing::post;
use idem_runtime::idempotent;

use crate::arguments::Order;
use crate::{Shape, shape};

/// The documentation of a handler stays.
#[idempotent(ttl = "1h")]
pub async fn documented_and_public(body: String) -> String {
    /// So do items of its own.
    fn shout(text: &str) -> String {
        text.to_uppercase()
    }
    const MARK: char = '!';
    let mut text = shout(&body);
    text.push(MARK);
    text
}
shape!(documented_and_public, Shape::answers("B!").sent("text/plain", "b"));

#[idempotent(ttl = "1h")]
async fn borrows_over_awaits(Json(order): Json<Order>) -> String {
    let name = &order.name;
    tokio::task::yield_now().await;
    let joined = [name.as_str(), name].join("-");
    tokio::task::yield_now().await;
    format!("{joined}{name}")
}
shape!(borrows_over_awaits, Shape::answers("x-xx"));

#[idempotent(ttl = "1h")]
async fn not_send_between_awaits(body: String) -> usize_text::Text {
    let length = {
        let shared = Rc::new(body);
        Rc::clone(&shared).len()
    };
    tokio::task::yield_now().await;
    usize_text::Text(length)
}
shape!(not_send_between_awaits, Shape::answers("1").sent("text/plain", "b"));

mod usize_text {
    pub struct Text(pub usize);

    impl axum::response::IntoResponse for Text {
        fn into_response(self) -> axum::response::Response {
            self.0.to_string().into_response()
        }
    }
}

#[idempotent(ttl = "1h")]
async fn closures_and_inner_async(body: String) -> String {
    let twice = |text: &str| format!("{text}{text}");
    let inner = async { twice(&body) };
    let made = inner.await;
    let labelled = 'found: {
        for letter in made.chars() {
            if letter == 'b' {
                break 'found letter;
            }
        }
        '?'
    };
    format!("{made}{labelled}")
}
shape!(closures_and_inner_async, Shape::answers("bbb").sent("text/plain", "b"));

#[idempotent(ttl = "1h")]
#[expect(unused_braces, reason = "it is said here as it is without the attribute")]
async fn a_single_block(body: String) -> String {
    { body }
}
shape!(a_single_block, Shape::answers("b").sent("text/plain", "b"));

#[idempotent(ttl = "1h")]
async fn unsafe_free_let_else(body: String) -> String {
    let Some(first) = body.chars().next() else {
        return "empty".to_owned();
    };
    first.to_string()
}
shape!(unsafe_free_let_else, Shape::answers("empty").sent("text/plain", ""));

tokio::task_local! {
    static REQUEST: u32;
}

#[idempotent(ttl = "1h")]
async fn sees_task_locals(_body: String) -> String {
    tokio::task::yield_now().await;
    REQUEST.with(ToString::to_string)
}

#[tokio::test]
async fn task_locals_reach_the_body() {
    let router = axum::Router::new().route("/", post(sees_task_locals)).with_state(crate::state());
    REQUEST.scope(7, Shape::answers("7").check_router(router)).await;
}
