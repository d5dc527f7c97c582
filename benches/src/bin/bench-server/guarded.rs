//! The handler under `#[idempotent]`, alone and in the record's own transaction.

use std::io;
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRef, State};
use axum::routing::post;
use bytes::Bytes;
use http::StatusCode;
use idem_bench_application::{Receipt, Shop};
use idem_runtime::store::{PostgresStore, RedisStore};
use idem_runtime::{
    Idempotency, PostgresTransaction, PostgresTransactions, SqliteTransaction, SqliteTransactions, idempotent,
};

use super::limits;

/// Long enough that no call of a busy server is given up.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Clone, FromRef)]
struct AppState {
    shop: Shop,
    idempotency: Idempotency,
}

#[idempotent(ttl = "24h", missing = "execute", state = AppState)]
async fn pay(State(shop): State<Shop>, body: Bytes) -> Receipt {
    shop.pay(body)
}

#[idempotent(ttl = "24h", missing = "execute", state = AppState)]
async fn pay_and_wait(State(shop): State<Shop>, body: Bytes) -> Receipt {
    shop.pay_and_wait(body).await
}

pub(super) fn router(shop: &Shop, idempotency: Idempotency) -> Router {
    let state = AppState { shop: shop.clone(), idempotency };
    Router::new().route("/pay", post(pay)).route("/held", post(pay_and_wait)).with_state(state)
}

pub(super) async fn redis(shop: &Shop, url: &str) -> io::Result<Router> {
    let store = RedisStore::builder(url).response_timeout(PATIENCE).connect().await.map_err(io::Error::other)?;
    Ok(router(shop, patient(store)))
}

fn patient(store: impl idem_runtime::Store) -> Idempotency {
    Idempotency::builder(store).store_timeout(PATIENCE).build()
}

#[derive(Clone, FromRef)]
struct SqliteState {
    shop: Shop,
    idempotency: Idempotency,
    transactions: SqliteTransactions,
}

#[idempotent(ttl = "24h", state = SqliteState)]
async fn sqlite_pay(State(shop): State<Shop>, mut tx: SqliteTransaction, body: Bytes) -> Result<Receipt, StatusCode> {
    let receipt = shop.pay(body.clone());
    let paid = tx.call(move |db| limits::insert(db, &body)).await;
    paid.map(|()| receipt).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

pub(super) async fn sqlite(shop: &Shop, file: &str) -> io::Result<Router> {
    let store = limits::open(file).await?;
    let idempotency = patient(store);
    let transactions = idempotency.transactions().map_err(io::Error::other)?;
    let state = SqliteState { shop: shop.clone(), idempotency: idempotency.clone(), transactions };
    let transactional = Router::new().route("/pay-in-transaction", post(sqlite_pay)).with_state(state);
    Ok(router(shop, idempotency).merge(transactional))
}

#[derive(Clone, FromRef)]
struct PostgresState {
    shop: Shop,
    idempotency: Idempotency,
    transactions: PostgresTransactions,
}

#[idempotent(ttl = "24h", state = PostgresState)]
async fn postgres_pay(
    State(shop): State<Shop>,
    mut tx: PostgresTransaction,
    body: Bytes,
) -> Result<Receipt, StatusCode> {
    let paid = sqlx::query(limits::INSERT).bind(&body[..]).execute(&mut **tx).await;
    paid.map(|_| shop.pay(body)).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

pub(super) async fn postgres(shop: &Shop, url: &str) -> io::Result<Router> {
    let store = PostgresStore::builder(url)
        .max_connections(limits::CONNECTIONS)
        .max_transactions(limits::CONNECTIONS)
        .response_timeout(PATIENCE);
    store.migrate().await.map_err(io::Error::other)?;
    let idempotency = patient(store.connect().await.map_err(io::Error::other)?);
    let transactions = idempotency.transactions().map_err(io::Error::other)?;
    let state = PostgresState { shop: shop.clone(), idempotency: idempotency.clone(), transactions };
    let transactional = Router::new().route("/pay-in-transaction", post(postgres_pay)).with_state(state);
    Ok(router(shop, idempotency).merge(transactional))
}
