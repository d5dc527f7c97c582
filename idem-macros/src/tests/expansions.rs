//! Expansions of characteristic handlers, kept as files in `tests/expansions`.
//!
//! `IDEM_BLESS=1 cargo test -p idem-macros` writes them anew; read the difference then.

use std::{env, fs, path::Path};

use proc_macro2::TokenStream;

use super::tokens;
use crate::attribute;

#[track_caller]
fn expansion(name: &str, args: &str, item: &str) {
    kept(name, &format!("#[idempotent({args})]\n{item}"), attribute::idempotent(tokens(args), tokens(item)));
}

#[track_caller]
fn expansion_of_fn(name: &str, args: &str, item: &str) {
    kept(name, &format!("#[idempotent_fn({args})]\n{item}"), attribute::idempotent_fn(tokens(args), tokens(item)));
}

#[track_caller]
fn kept(name: &str, source: &str, expanded: TokenStream) {
    let file: syn::File = syn::parse2(expanded).expect(name);
    let source: String = source.lines().map(|line| format!("// {line}").trim_end().to_owned() + "\n").collect();
    let expanded = format!("{source}\n{}", prettyplease::unparse(&file));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expansions").join(format!("{name}.rs"));
    if env::var_os("IDEM_BLESS").is_some() {
        fs::write(&path, &expanded).expect("the expansion can be written");
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(kept, expanded, "{name}: run with IDEM_BLESS=1 and read the difference");
}

#[test]
fn a_handler_as_in_the_readme() {
    expansion(
        "readme",
        r#"ttl = "1h", key = "header:Idempotency-Key""#,
        "async fn pay(State(db): State<Db>, user: AuthUser, Json(order): Json<Order>) -> Result<impl IntoResponse, AppError> {
    let payment = db.pay(user.id, order).await?;
    Ok((StatusCode::CREATED, Json(payment)))
}",
    );
}

#[test]
fn a_handler_without_arguments() {
    expansion("no_arguments", r#"ttl = "1d", crate = crate::runtime"#, "pub async fn ping() {}");
}

#[test]
fn a_handler_with_every_option() {
    expansion(
        "every_option",
        r#"ttl = "1h30m", key = (user.tenant, order.id), scope = format!("{tenant}"), operation = "orders/create", missing = 428, replay_status = 200, record = policies::keep, on_failure = "keep", in_flight = "wait:2s", lease = "10s", fingerprint = &order, max_response = "64KiB", state = AppState"#,
        "async fn create(Path((tenant, _)): Path<(String, u64)>, user: User, Json(mut order): Json<Order>) -> impl IntoResponse {
    order.close()
}",
    );
}

#[test]
fn a_generic_handler() {
    expansion(
        "generic",
        r#"ttl = "1h", key = "path:id", scope = "header:X-Tenant", missing = 404"#,
        "async fn charge<G: Gateway>(State(gateway): State<G>, order: Json<Order>) -> Result<Json<impl Serialize>, StatusCode>
where
    G: Clone,
{
    gateway.charge(order.0).await.map(Json)
}",
    );
}

#[test]
fn a_handler_with_patterns_and_attributes() {
    expansion(
        "patterns",
        r#"ttl = "1h", key = "body:/order/id", missing = "execute""#,
        "/// Pays.
#[debug_handler]
pub(crate) async fn pay(
    _: Permit,
    #[cfg(feature = \"audit\")] #[allow(unused_variables)] Extension(audit): Extension<Audit>,
    ref whole @ Query(Page { size, .. }): Query<Page>,
    #[expect(unused_mut)] mut body: Bytes,
) -> ! {
    #![allow(clippy::diverging_sub_expression)]
    panic!()
}",
    );
}

#[test]
fn a_function_with_arguments_of_its_own() {
    expansion_of_fn(
        "job",
        r#"ttl = "7d", key = id, store = idempotency"#,
        "pub async fn ship(idempotency: Idempotency, Message { id, lamps }: Message) -> Result<Parcel, Error> {
    post(id, lamps).await
}",
    );
}

#[test]
fn a_method_with_every_option() {
    expansion_of_fn(
        "job_every_option",
        r#"ttl = "1d", key = (message.queue, message.id), scope = self.tenant(), store = &self.idempotency, operation = "consume", on_failure = "keep", in_flight = "wait:2s", lease = "10s", fingerprint = &message, crate = crate::runtime"#,
        "async fn consume<T>(&mut self, #[cfg(feature = \"audit\")] audit: &Audit, mut message: Message<T>) -> Result<(), Error>
where
    T: Serialize,
{
    message.open()?;
    self.act(message).await
}",
    );
}

#[test]
fn a_function_with_what_is_supplied() {
    expansion_of_fn(
        "job_supplied",
        r#"ttl = "7d", key = id, store = transactions"#,
        "async fn ship(transactions: Transactions, #[supplied] mut tx: PostgresTransaction, id: u64, #[supplied] execution: Execution) -> Result<(), Error> {
    insert(&mut tx, id, execution.attempt()).await
}",
    );
}

#[test]
fn a_half_typed_handler() {
    // The body does not parse, so it is left out of what is printed.
    let args = tokens(r#"ttl = "1h""#);
    let item = tokens("async fn pay(Json(order): Json<Order>) -> String { let total = order. ; if }");
    let expanded = attribute::idempotent(args, item).to_string();
    assert!(expanded.contains("{ let total = order . ; if }"), "{expanded}");
    assert!(!expanded.contains("compile_error"), "{expanded}");
}

#[cfg(feature = "utoipa")]
#[test]
fn a_handler_in_a_document() {
    expansion(
        "utoipa",
        r#"ttl = "1h", scope = "header:X-Tenant", missing = 428, on_failure = "keep", crate = crate::runtime"#,
        "#[cfg(feature = \"server\")]
#[utoipa::path(post, path = \"/orders\", params((\"page\" = u32, Query)), responses((status = 201, body = Order)))]
pub async fn create() {}",
    );
}
