//! A shop that takes an order once for each key. Order and record are committed together, in one file.

use std::error::Error;
use std::net::SocketAddr;

use axum::extract::{FromRef, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use idem_runtime::rusqlite::{self, Row};
use idem_runtime::{Idempotency, SqliteStore, SqliteTransaction, SqliteTransactions, idempotent};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

/// What is ordered.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
pub struct NewOrder {
    /// What it is.
    pub item: String,
}

/// An order. There may be two of one item: what there is one of is the order under a key.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
pub struct Order {
    /// Its number, from 1.
    pub id: i64,
    /// What it is.
    pub item: String,
}

#[derive(Clone, FromRef)]
struct AppState {
    idempotency: Idempotency,
    transactions: SqliteTransactions,
    store: SqliteStore,
}

#[idempotent(ttl = "24h", lease = "2s", state = AppState)]
async fn order(mut tx: SqliteTransaction, Json(new): Json<NewOrder>) -> Result<(StatusCode, Json<Order>), StatusCode> {
    let insert = "INSERT INTO orders (item) VALUES (?1) RETURNING id, item";
    let order = tx.call(move |db| db.prepare_cached(insert)?.query_row([new.item], read)).await;
    Ok((StatusCode::CREATED, Json(order.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?)))
}

async fn list(State(store): State<SqliteStore>) -> Result<Json<Vec<Order>>, StatusCode> {
    let orders = store.read(|db| {
        let mut orders = db.prepare_cached("SELECT id, item FROM orders ORDER BY id")?;
        orders.query_map([], read)?.collect::<rusqlite::Result<Vec<_>>>()
    });
    orders.await.map(Json).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Order> {
    Ok(Order { id: row.get(0)?, item: row.get(1)? })
}

/// Serves a shop at `address`, with its records and orders in `file`, until the process ends; says where once it listens.
///
/// # Errors
/// When the address or the file cannot be had.
pub async fn serve(address: SocketAddr, file: &str, listening: impl FnOnce(SocketAddr)) -> Result<(), Box<dyn Error>> {
    let store = SqliteStore::open(file).map_err(|error| format!("cannot keep orders in {file}: {error}"))?;
    let table = "CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, item TEXT NOT NULL) STRICT";
    store.write(move |db| db.execute_batch(table)).await?;
    let idempotency = Idempotency::new(store.clone());
    let transactions = idempotency.transactions()?;
    let app = Router::new().route("/v1/orders", get(list).post(order));
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| format!("cannot listen on {address}: {error}; choose another address with --listen"))?;
    listening(listener.local_addr()?);
    axum::serve(listener, app.with_state(AppState { idempotency, transactions, store })).await?;
    Ok(())
}
