//! Annotated handlers behind a layer, and layers behind layers: what is nearest to the handler guards, and nothing beside it.

use std::time::Duration;

use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::routing::post;
use axum::{Json, Router};
use idem_runtime::{
    Execution, Idempotency, IdempotencyLayer, IdempotencyLayerBuilder, InFlight, MemoryStore, SqliteTransaction,
    idempotent,
};
use idem_tests::app::{AppState, Bed, User};
use idem_tests::gate::Gate;
use idem_tests::layered::TTL;
use idem_tests::ledger::{Ledger, Lines};
use idem_tests::server::{Seen, Server};
use idem_tests::{soon, until};
use serde_json::{Value, json};
use tokio::task::JoinSet;

#[idempotent(ttl = "1h", replay_status = 200, missing = "execute", in_flight = "wait:60s")]
async fn pay(State(gate): State<Gate>, Json(order): Json<Value>) -> (StatusCode, Json<Value>) {
    (StatusCode::CREATED, Json(json!({ "number": gate.pass().await, "order": order })))
}

#[idempotent(ttl = "1h", key = "path:id")]
async fn put(State(gate): State<Gate>) -> String {
    gate.pass().await.to_string()
}

#[idempotent(ttl = "1h")]
async fn for_users(execution: Execution, _user: User, State(gate): State<Gate>) -> String {
    gate.pass().await;
    format!("{:?} {} {:?}", execution.key(), execution.attempt(), execution.derive_key("charge"))
}

async fn plain(State(gate): State<Gate>) -> String {
    gate.pass().await.to_string()
}

/// A store in memory whose claims are counted.
fn counted() -> (Bed, Lines) {
    let (store, lines) = Ledger::new(MemoryStore::new());
    (Bed { idempotency: Idempotency::new(store), redis: None }, lines)
}

fn router(bed: &Bed, gate: &Gate) -> Router {
    Router::new()
        .route("/pay", post(pay))
        .route("/put/{id}", post(put))
        .route("/for-users", post(for_users))
        .route("/plain", post(plain))
        .with_state(AppState::new(bed, gate.clone()))
}

fn layer(bed: &Bed) -> IdempotencyLayer {
    bed.idempotency.layer(TTL).build().unwrap()
}

fn send(server: &Server, path: &str, key: &str) -> impl Future<Output = Seen> + use<> {
    Seen::of(server.post(path, key, &json!(1)).header("x-user", "ann"))
}

#[tokio::test]
async fn the_annotation_wins_from_the_first_request_on() {
    let ((bed, lines), gate) = (counted(), Gate::open());
    let server = Server::start(router(&bed, &gate).layer(layer(&bed))).await;
    let first = send(&server, "/pay", "k").await;
    assert_eq!((first.status, first.replayed, gate.executions()), (201, false, 1));
    // The layer's claim was given back before the handler's own was made.
    assert_eq!((lines.counts(), lines.most_at_once()), ((2, 1, 1), 1));
    // Its status says whose replay it is.
    let retry = send(&server, "/pay", "k").await;
    assert_eq!((retry.status, retry.replayed, &retry.body), (200, true, &first.body));
    // From then on the layer is silent, also to what it would refuse.
    let without = Seen::of(server.client.post(server.url("/pay")).json(&json!(1))).await;
    assert_eq!((without.status, gate.executions()), (201, 2));
    assert_eq!(send(&server, "/pay", "other").await.status, 201);
    assert_eq!((lines.counts(), lines.most_at_once(), lines.held()), ((3, 2, 1), 1, 0));
    // A plain route beside it is guarded all the same.
    let plain = send(&server, "/plain", "k").await;
    assert_eq!(send(&server, "/plain", "k").await, Seen { replayed: true, ..plain });
    assert_eq!(gate.executions(), 4);
}

#[tokio::test]
async fn a_restarted_layer_leaves_the_annotations_records_to_it() {
    let ((bed, lines), gate) = (counted(), Gate::open());
    let first = {
        let server = Server::start(router(&bed, &gate).layer(layer(&bed))).await;
        send(&server, "/for-users", "k").await
    };
    assert_eq!(first.status, 200);
    // A new layer knows nothing. B18: the handler's extractors are asked before anything is replayed.
    let server = Server::start(router(&bed, &gate).layer(layer(&bed))).await;
    let revoked = Seen::of(server.post("/for-users", "k", &json!(1))).await;
    assert_eq!((revoked.status, revoked.replayed), (401, false));
    assert_eq!(send(&server, "/for-users", "k").await, Seen { replayed: true, ..first });
    assert_eq!((gate.executions(), lines.held(), lines.most_at_once()), (1, 0, 1));
}

#[tokio::test]
async fn an_execution_that_was_taken_before_the_layer_knew_is_the_handlers_own() {
    let ((bed, _), gate) = (counted(), Gate::open());
    let alone = Server::start(router(&bed, &gate)).await;
    let expected = send(&alone, "/for-users", "k").await;
    let ((bed, _), gate) = (counted(), Gate::open());
    let behind = Server::start(router(&bed, &gate).layer(layer(&bed))).await;
    let seen = send(&behind, "/for-users", "k").await;
    assert_eq!(String::from_utf8_lossy(&seen.body), String::from_utf8_lossy(&expected.body));
    assert!(seen.body.starts_with(b"Some(\"k\") 1 Some("));
}

/// Whether the route is known or not: one execution, and every other answer is its replay or a refusal that says to come
/// again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i01_duplicates_at_first_contact_run_once() {
    for round in 0..100 {
        let ((bed, lines), gate) = (counted(), Gate::open());
        let server = Server::start(router(&bed, &gate).layer(layer(&bed))).await;
        let mut answers = JoinSet::new();
        for _ in 0..16 {
            answers.spawn(send(&server, "/pay", "k"));
        }
        let answers = soon("all answers", answers.join_all()).await;
        let first: Vec<_> = answers.iter().filter(|seen| seen.status == 201).collect();
        assert_eq!((first.len(), gate.executions()), (1, 1), "round {round}: {answers:?}");
        for seen in answers.iter().filter(|seen| seen.status != 201) {
            match seen.status {
                200 => assert!(seen.replayed && seen.body == first[0].body, "round {round}: {seen:?}"),
                _ => assert_eq!(seen.refusal(), "in_progress", "round {round}"),
            }
        }
        let retry = send(&server, "/pay", "k").await;
        assert_eq!((retry.status, retry.replayed, &retry.body), (200, true, &first[0].body));
        assert_eq!((gate.executions(), lines.held()), (1, 0));
    }
}

/// The first one is held in the handler, so that all others come while it runs: they wait, as the annotation says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_duplicate_does_meanwhile_the_annotation_says() {
    let ((bed, _), gate) = (counted(), Gate::closed());
    let server = Server::start(router(&bed, &gate).layer(layer(&bed))).await;
    let first = tokio::spawn(send(&server, "/pay", "k"));
    gate.started().await;
    let mut others = JoinSet::new();
    for _ in 0..8 {
        others.spawn(send(&server, "/pay", "k"));
    }
    gate.let_pass(1);
    let first = soon("the first answer", first).await.unwrap();
    for seen in soon("the others", others.join_all()).await {
        assert_eq!((seen.status, seen.replayed, &seen.body), (200, true, &first.body));
    }
    assert_eq!(gate.executions(), 1);
}

#[tokio::test]
async fn what_the_layer_refuses_before_it_knows_is_named_in_except() {
    let ((bed, _), gate) = (counted(), Gate::open());
    let send = |server: &Server| Seen::of(server.client.post(server.url("/put/a")));
    let unaware = Server::start(router(&bed, &gate).layer(layer(&bed))).await;
    assert_eq!(send(&unaware).await.refusal(), "missing_key");
    let layer = bed.idempotency.layer(TTL).except(Method::POST, "/put/{id}").build().unwrap();
    let aware = Server::start(router(&bed, &gate).layer(layer)).await;
    let first = send(&aware).await;
    assert_eq!((first.status, first.replayed), (200, false));
    assert_eq!(send(&aware).await, Seen { replayed: true, ..first });
    // It is a route, and nothing that begins like it.
    assert_eq!(Seen::of(aware.client.post(aware.url("/plain"))).await.refusal(), "missing_key");
}

#[tokio::test]
async fn what_is_excepted_is_claimed_once() {
    let ((bed, lines), gate) = (counted(), Gate::open());
    let layer = bed.idempotency.layer(TTL).except(Method::POST, "/pay").build().unwrap();
    let server = Server::start(router(&bed, &gate).layer(layer)).await;
    assert_eq!(send(&server, "/pay", "k").await.status, 201);
    assert!(send(&server, "/pay", "k").await.replayed);
    assert_eq!(lines.counts(), (1, 1, 0));
}

#[tokio::test]
async fn of_two_layers_the_nearer_one_guards() {
    let ((bed, lines), gate) = (counted(), Gate::open());
    let nearer = |layer: IdempotencyLayerBuilder| layer.replay_status(299).key_header("X-Key");
    let inner = nearer(bed.idempotency.layer(TTL)).build().unwrap();
    let routes = Router::new()
        .route("/near", post(plain).layer(inner.clone()))
        .route("/annotated", post(pay).layer(inner))
        .route("/plain", post(plain))
        .with_state(AppState::new(&bed, gate.clone()));
    let server = Server::start(routes.layer(layer(&bed))).await;
    let near = || Seen::of(server.post("/near", "outer", &json!(1)).header("x-key", "k"));
    let first = near().await;
    assert_eq!((first.status, first.replayed), (200, false));
    assert_eq!((lines.counts(), lines.most_at_once()), ((2, 1, 1), 1));
    let retry = near().await;
    assert_eq!((retry.status, &retry.body), (299, &first.body));
    assert_eq!((lines.counts(), gate.executions()), ((2, 1, 1), 1));
    // Through both, to the annotation.
    for round in 0..2 {
        let send = || Seen::of(server.post("/annotated", &format!("k{round}"), &json!(1)).header("x-key", "k"));
        let first = send().await;
        assert_eq!((first.status, first.replayed), (201, false));
        assert_eq!((send().await.status, lines.most_at_once(), lines.held()), (200, 1, 0));
    }
    assert_eq!(lines.counts(), (6, 3, 3));
    assert_eq!(send(&server, "/plain", "k").await.status, 200);
    assert_eq!(gate.executions(), 4);
}

/// Between the layer and the handler stands something that picks handlers by itself.
#[tokio::test]
async fn a_handler_that_turns_out_to_be_another_one_is_guarded_again() {
    let ((bed, _), gate) = (counted(), Gate::open());
    let state = AppState::new(&bed, gate.clone());
    let annotated: Router = Router::new().route("/", post(pay)).with_state(state.clone());
    let plain: Router = Router::new().route("/", post(plain)).with_state(state);
    let pick = move |request: axum::extract::Request| {
        use tower::ServiceExt as _;
        let (mut parts, body) = request.into_parts();
        let chosen = if parts.headers.contains_key("x-plain") { plain.clone() } else { annotated.clone() };
        // It is routed as if for the first time, but for its path.
        let path = parts.extensions.get::<axum::extract::MatchedPath>().cloned();
        parts.uri = "/".parse().unwrap();
        async move {
            let mut inner = axum::extract::Request::from_parts(parts, body);
            inner.extensions_mut().remove::<axum::extract::MatchedPath>();
            let chosen = chosen.layer(axum::Extension(path.unwrap()));
            chosen.oneshot(inner).await
        }
    };
    let picked = Router::new().route_service("/picked", tower::service_fn(pick)).layer(layer(&bed));
    let server = Server::start(picked).await;
    let plain = |key: &'static str| Seen::of(server.post("/picked", key, &json!(1)).header("x-plain", "1"));
    assert_eq!(send(&server, "/picked", "a").await.status, 201);
    assert_eq!(send(&server, "/picked", "a").await.status, 200);
    // This one is not guarded: nobody could know. That is seen, and the next one is.
    assert_eq!((plain("b").await.replayed, plain("b").await.replayed), (false, false));
    assert!(plain("b").await.replayed);
    assert_eq!(gate.executions(), 3);
}

#[tokio::test]
async fn a_client_that_hangs_up_at_first_contact_cancels_nothing() {
    let ((bed, lines), gate) = (counted(), Gate::closed());
    let server = Server::start(router(&bed, &gate).layer(layer(&bed))).await;
    let first = tokio::spawn(server.post("/pay", "k", &json!(1)).send());
    gate.started().await;
    first.abort();
    until("adoption", async || (bed.idempotency.counts().adopted >= 1).then_some(())).await;
    gate.let_pass(1);
    let retry = send(&server, "/pay", "k").await;
    assert_eq!((retry.status, retry.replayed, gate.executions(), lines.held()), (200, true, 1, 0));
}

/// What answers in place of the handler while the layer is asked to stand aside, answers for nobody's record.
#[tokio::test]
async fn an_answer_from_between_is_not_recorded() {
    async fn impatient(request: axum::extract::Request, next: Next) -> axum::response::Response {
        if request.headers().contains_key("x-impatient") {
            return axum::response::IntoResponse::into_response((StatusCode::GATEWAY_TIMEOUT, "too late"));
        }
        next.run(request).await
    }
    let ((bed, lines), gate) = (counted(), Gate::open());
    let server = Server::start(router(&bed, &gate).layer(from_fn(impatient)).layer(layer(&bed))).await;
    let seen = Seen::of(server.post("/pay", "k", &json!(1)).header("x-impatient", "1")).await;
    assert_eq!((seen.status, lines.counts()), (504, (1, 0, 1)));
    assert_eq!(send(&server, "/pay", "k").await.status, 201);
    assert_eq!((gate.executions(), lines.held()), (1, 0));
}

#[idempotent(ttl = "1h")]
async fn in_transaction(
    mut tx: SqliteTransaction,
    State(gate): State<Gate>,
    note: String,
) -> Result<String, StatusCode> {
    tx.call(move |db| db.execute("INSERT INTO notes (note) VALUES (?1)", [note]))
        .await
        .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(gate.pass().await.to_string())
}

async fn plainly_in_transaction(mut tx: SqliteTransaction, State(gate): State<Gate>) -> String {
    drop(tx.call(|db| db.execute("INSERT INTO notes (note) VALUES ('lost')", [])).await);
    gate.pass().await.to_string()
}

#[derive(Clone, Debug, axum::extract::FromRef)]
struct FileState {
    idempotency: Idempotency,
    transactions: idem_runtime::SqliteTransactions,
    gate: Gate,
}

#[tokio::test]
async fn a_transaction_is_the_annotations_and_nobody_elses() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.db");
    rusqlite_table(&file);
    let idempotency = Idempotency::connect(&format!("sqlite:{}", file.display())).await.unwrap();
    let (transactions, gate) = (idempotency.transactions().unwrap(), Gate::open());
    let layer = idempotency.layer(TTL).in_flight(InFlight::Wait(Duration::from_secs(60))).build().unwrap();
    let router = Router::new()
        .route("/annotated", post(in_transaction))
        .route("/plain", post(plainly_in_transaction))
        .with_state(FileState { idempotency, transactions, gate: gate.clone() });
    let server = Server::start(router.layer(layer)).await;
    let first = send(&server, "/annotated", "k").await;
    assert_eq!((first.status, first.replayed), (200, false));
    assert_eq!(send(&server, "/annotated", "k").await, Seen { replayed: true, ..first });
    assert_eq!(gate.executions(), 1);
    for _ in 0..2 {
        let refused = send(&server, "/plain", "k").await;
        assert_eq!((refused.status, refused.refusal().as_str()), (500, "misconfigured"));
    }
    assert_eq!(gate.executions(), 1);
    assert_eq!(rusqlite_notes(&file), 1);
}

fn rusqlite_table(file: &std::path::Path) {
    let db = idem_runtime::rusqlite::Connection::open(file).unwrap();
    db.execute("CREATE TABLE notes (note TEXT NOT NULL)", []).unwrap();
}

fn rusqlite_notes(file: &std::path::Path) -> u32 {
    let db = idem_runtime::rusqlite::Connection::open(file).unwrap();
    db.query_row("SELECT count(*) FROM notes", [], |row| row.get(0)).unwrap()
}
