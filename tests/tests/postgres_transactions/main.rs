//! Handlers that write in the record's own transaction, on a real PostgreSQL: exactly once for what they write.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod endings;
mod faults;
mod lost_commits;
mod parked;
mod processes;
mod rivals;
mod store;

use std::time::Duration;

use axum::Router;
use axum::extract::{FromRef, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use idem_runtime::store::PostgresStore;
use idem_runtime::{Idempotency, PostgresTransaction, PostgresTransactions, idempotent};
use idem_tests::gate::Gate;
use idem_tests::postgres_server::PostgresServer;
use idem_tests::server::{Seen, Server};
use idem_tests::soon;
use serde_json::json;
use sqlx::Row as _;

#[derive(Clone, FromRef)]
struct AppState {
    idempotency: Idempotency,
    transactions: PostgresTransactions,
    gate: Gate,
}

/// Writes a charge, waits at the gate, and ends as the body says.
async fn charge(mut tx: PostgresTransaction, gate: Gate, how: String) -> Response {
    let written = sqlx::query("INSERT INTO charges (note) VALUES ($1)").bind(&how).execute(&mut **tx).await;
    gate.pass().await;
    if written.is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    match how.as_str() {
        "panics" => panic!("as the test wants"),
        "commits by itself" => {
            sqlx::raw_sql("COMMIT").execute(&mut **tx).await.unwrap();
            StatusCode::CREATED.into_response()
        }
        "moves it out" => {
            drop(tokio::spawn(async move {
                std::future::pending::<()>().await;
                drop(tx);
            }));
            StatusCode::CREATED.into_response()
        }
        "goes on after an error" => {
            let _ = sqlx::query("SELECT 1 / 0").execute(&mut **tx).await;
            StatusCode::CREATED.into_response()
        }
        "nested" => {
            use sqlx::Acquire as _;
            let mut kept = tx.begin().await.unwrap();
            sqlx::query("INSERT INTO charges (note) VALUES ('nested, kept')").execute(&mut *kept).await.unwrap();
            kept.commit().await.unwrap();
            let mut undone = tx.begin().await.unwrap();
            sqlx::query("INSERT INTO charges (note) VALUES ('nested, undone')").execute(&mut *undone).await.unwrap();
            undone.rollback().await.unwrap();
            StatusCode::CREATED.into_response()
        }
        "large" => (StatusCode::CREATED, "x".repeat(2000)).into_response(),
        status => {
            let status = StatusCode::from_u16(status.parse().unwrap()).unwrap();
            (status, format!("charge {}", gate.executions())).into_response()
        }
    }
}

#[idempotent(ttl = "1h", state = AppState, max_response = "1KiB")]
async fn pay(tx: PostgresTransaction, State(gate): State<Gate>, how: String) -> Response {
    charge(tx, gate, how).await
}

#[idempotent(ttl = "1h", in_flight = "wait:30s")]
async fn wait(tx: PostgresTransaction, State(gate): State<Gate>, how: String) -> Response {
    charge(tx, gate, how).await
}

#[idempotent(ttl = "1h", on_failure = "keep")]
async fn keep(tx: PostgresTransaction, State(gate): State<Gate>, how: String) -> Response {
    charge(tx, gate, how).await
}

#[idempotent(ttl = "1h", missing = "execute")]
async fn optional(tx: PostgresTransaction, State(gate): State<Gate>, how: String) -> Response {
    charge(tx, gate, how).await
}

#[idempotent(ttl = "1h", record = "success")]
async fn success(tx: PostgresTransaction, State(gate): State<Gate>, how: String) -> Response {
    charge(tx, gate, how).await
}

#[idempotent(ttl = "1h", record = is_teapot)]
async fn chosen(tx: PostgresTransaction, State(gate): State<Gate>, how: String) -> Response {
    charge(tx, gate, how).await
}

fn is_teapot(parts: &axum::http::response::Parts) -> bool {
    parts.status == StatusCode::IM_A_TEAPOT
}

#[idempotent(ttl = "1h", lease = "300ms")]
async fn brief(tx: PostgresTransaction, State(gate): State<Gate>, how: String) -> Response {
    charge(tx, gate, how).await
}

/// Takes the transaction and does not use it.
#[idempotent(ttl = "1h")]
async fn unused(_: PostgresTransaction, State(gate): State<Gate>) -> String {
    format!("run {}", gate.pass().await)
}

/// Charges once per payment, and says which execution it was.
#[idempotent(ttl = "1h")]
async fn exact(mut tx: PostgresTransaction, State(gate): State<Gate>, payment: String) -> Response {
    let written = sqlx::query("INSERT INTO charges (note) VALUES ($1)").bind(payment).execute(&mut **tx).await;
    match written {
        Ok(_) => (StatusCode::CREATED, format!("execution {}", gate.pass().await)).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// One application, and the server it keeps its records and its charges in.
struct Shop {
    database: PostgresServer,
    http: Server,
    gate: Gate,
    idempotency: Idempotency,
}

async fn application(database: &PostgresServer, transactions: u32, gate: Gate) -> (Server, Idempotency) {
    application_at(&database.url(), transactions, gate).await
}

/// Longer than by default: the tests share two cores.
async fn application_at(url: &str, transactions: u32, gate: Gate) -> (Server, Idempotency) {
    let builder = PostgresStore::builder(url)
        .response_timeout(Duration::from_secs(20))
        .max_connections(8)
        .max_transactions(transactions);
    builder.migrate().await.unwrap();
    let store = builder.connect().await.unwrap();
    let idempotency = Idempotency::builder(store).store_timeout(Duration::from_secs(30)).build();
    let transactions = idempotency.transactions().unwrap();
    let router = Router::new()
        .route("/pay", post(pay))
        .route("/wait", post(wait))
        .route("/keep", post(keep))
        .route("/optional", post(optional))
        .route("/success", post(success))
        .route("/chosen", post(chosen))
        .route("/brief", post(brief))
        .route("/unused", post(unused))
        .route("/exact", post(exact))
        .with_state(AppState { idempotency: idempotency.clone(), transactions, gate });
    (Server::start(router).await, idempotency)
}

impl Shop {
    async fn open(gate: Gate) -> Self {
        let database = PostgresServer::with(&["fsync=off"]).await;
        database.run("CREATE TABLE charges (note text NOT NULL)").await;
        let (http, idempotency) = application(&database, 16, gate.clone()).await;
        Self { database, http, gate, idempotency }
    }

    async fn post(&self, path: &str, key: &str, how: &str) -> Seen {
        send(&self.http, path, key, how).await
    }

    /// How many charges there are, as everybody else sees it.
    async fn charges(&self) -> i64 {
        self.database.row("SELECT count(*) FROM charges").await.get(0)
    }

    async fn records(&self) -> i64 {
        self.database.row("SELECT count(*) FROM idem.records").await.get(0)
    }

    /// How many connections wait for a lock.
    async fn waiting(&self) -> i64 {
        self.database.row("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'").await.get(0)
    }
}

async fn send(http: &Server, path: &str, key: &str, how: &str) -> Seen {
    Seen::of(http.client.post(http.url(path)).header("idempotency-key", key).body(how.to_owned())).await
}
