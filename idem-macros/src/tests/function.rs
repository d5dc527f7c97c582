//! Functions that cannot be handlers, and what is emitted beside the errors.

use super::{right_on, tokens, wrong_on};
use crate::attribute;

const TTL: &str = "ttl = \"1h\"";

#[track_caller]
fn refused(item: &str, expected: &[(&str, &str)]) {
    wrong_on(item, TTL, expected);
}

#[test]
fn goes_on_functions() {
    let message = "`#[idempotent]` goes on an `async fn` that handles requests";
    refused("#[derive(Clone)] struct Pay { run: fn() }", &[("struct", message)]);
    refused("impl Pay { async fn pay() {} }", &[("impl", message)]);
    refused("pub mod pay { fn pay() {} }", &[("pub", message)]);
    refused("type Pay = fn();", &[("type", message)]);
    refused(
        "async fn pay(order: Json<Order>);",
        &[(";", "`pay` has no body: `#[idempotent]` goes on the function, not on its declaration")],
    );
}

#[test]
fn asks_for_a_plain_async_function() {
    refused("fn pay() {}", &[("fn", "a handler is asynchronous: write `async fn pay`")]);
    refused(
        "const unsafe extern \"C\" fn pay(_: u8, ...) {}",
        &[
            ("const", "a handler cannot be `const`: write `async fn pay`"),
            ("unsafe", "a handler cannot be `unsafe`: write `async fn pay`"),
            ("extern \"C\"", "a handler cannot be `extern`: write `async fn pay`"),
            ("...", "a handler cannot be variadic: name every argument"),
        ],
    );
    let receiver = "a handler has no `self`: every argument is an extractor, and shared values come through `State`";
    for argument in ["self", "&self", "&mut self", "mut self", "self: Arc<Self>"] {
        refused(&format!("async fn pay({argument}, body: String) {{}}"), &[(argument, receiver)]);
    }
}

#[test]
fn asks_for_attributes_in_order() {
    refused(
        "#[idempotent(ttl = \"2h\")] #[idem_runtime::idempotent] async fn pay() {}",
        &[
            ("#[idempotent(ttl = \"2h\")]", "`#[idempotent]` is given twice: keep one"),
            ("#[idem_runtime::idempotent]", "`#[idempotent]` is given twice: keep one"),
        ],
    );
    let instrument =
        "`#[instrument]` below `#[idempotent]` would log the guarded arguments: write it above `#[idempotent]`";
    refused("#[tracing::instrument(skip_all)] async fn pay() {}", &[("#[tracing::instrument(skip_all)]", instrument)]);
    right_on("#[debug_handler] #[utoipa::path(post)] /// Pays.\n #[allow(unused)] async fn pay() {}", TTL);
}

#[test]
fn keeps_the_last_argument() {
    let message = "the last argument cannot be conditional: write the handler once for each case, with `#[cfg]` on the \
                   functions";
    refused("async fn pay(a: A, #[cfg(test)] b: String) {}", &[("#[cfg(test)]", message)]);
    refused(
        "async fn pay(a: String, #[cfg_attr(test, cfg(x))] b: Bytes) {}",
        &[("#[cfg_attr(test, cfg(x))]", message)],
    );
    right_on("async fn pay(#[cfg(test)] a: String, #[cfg_attr(test, allow(unused))] b: String) {}", TTL);
}

#[test]
fn lets_one_argument_read_the_body() {
    refused(
        "async fn pay(Json(a): Json<A>, form: axum::Form<B>, c: Bytes) {}",
        &[
            ("Json<A>", "`Json` and `Bytes` both read the body: a handler has one such argument, its last"),
            ("axum::Form<B>", "`Form` and `Bytes` both read the body: a handler has one such argument, its last"),
        ],
    );
    refused(
        "async fn pay(Json(a): Json<A>, user: User) {}",
        &[("Json<A>", "`Json` reads the body: write it as the last argument")],
    );
    // A type of the crate's own can have such a name.
    right_on("async fn pay(request: Request, bytes: wire::Bytes, body: String) {}", TTL);
}

#[test]
fn refuses_what_cannot_be_replayed() {
    refused(
        "async fn listen(ws: WebSocketUpgrade) -> Response { todo!() }",
        &[("WebSocketUpgrade", "an upgraded connection cannot be recorded and replayed: leave `#[idempotent]` out")],
    );
    refused(
        "async fn events() -> Result<Sse<impl Stream<Item = Event>>, Error> { todo!() }",
        &[(
            "Sse<impl Stream<Item = Event>>",
            "an event stream has no end, so it cannot be recorded and replayed: leave `#[idempotent]` out",
        )],
    );
}

#[test]
fn takes_a_half_typed_body() {
    right_on("async fn pay(Json(order): Json<Order>) -> String { let x = order. ; match }", TTL);
}

#[track_caller]
fn emits(args: &str, item: &str, original: &str, errors: usize) {
    let packed = |text: String| text.split_whitespace().collect::<String>();
    let emitted = packed(attribute::idempotent(tokens(args), tokens(item)).to_string());
    let original = packed(tokens(original).to_string());
    assert!(emitted.starts_with(&original), "{emitted}\ndoes not start with\n{original}");
    let rest = &emitted[original.len()..];
    assert_eq!(rest.matches("compile_error").count(), errors, "{rest}");
    assert!(!rest.contains("__private"), "{rest}");
}

#[test]
fn emits_the_function_beside_the_errors() {
    let pay = "#[doc = \"Pays.\"] pub(crate) async fn pay<S>(Json(order): Json<Order>) -> String where S: Send { #![allow(x)] order. }";
    emits("tll = \"1h\", lease = \"5\"", pay, pay, 2);
    emits("", pay, pay, 1);
    let item = "struct Pay;";
    emits(TTL, item, item, 1);
}

#[test]
fn mends_the_function_so_that_nothing_else_is_reported() {
    // Without `async`, the route and every `.await` would be reported too.
    emits(TTL, "fn pay(body: String) -> String { body }", "async fn pay(body: String) -> String { body }", 1);
    let future = "fn pay() -> impl Future<Output = ()> { async {} }";
    emits(TTL, future, future, 1);
    // The second attribute would report the same again.
    emits("", "#[idempotent] async fn pay() {}", "async fn pay() {}", 2);
}
