//! What a guard in a store cannot be faster than: the same bytes through the same client, without a guard.

use std::io;

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use idem_bench_application::{Receipt, Shop};
use idem_runtime::rusqlite::{self, Connection};
use idem_runtime::store::SqliteStore;
use redis::aio::ConnectionManager;
use sqlx::PgPool;

use super::guarded::PATIENCE;

/// As many to the database from either side.
pub(super) const CONNECTIONS: u32 = 16;
pub(super) const INSERT: &str = "INSERT INTO payments (note) VALUES ($1)";

type Answer = Result<Receipt, StatusCode>;

fn failed<E>(_: E) -> StatusCode {
    StatusCode::INTERNAL_SERVER_ERROR
}

fn key(headers: &HeaderMap) -> Result<&[u8], StatusCode> {
    headers.get("idempotency-key").map(http::HeaderValue::as_bytes).ok_or(StatusCode::BAD_REQUEST)
}

/// Two `SET`s, as a claim and a record are: what a claim holds, then what a record holds.
async fn two_sets(State((shop, redis)): State<(Shop, ConnectionManager)>, headers: HeaderMap, body: Bytes) -> Answer {
    const CLAIM: [u8; 120] = [b'x'; 120];
    let key = key(&headers)?;
    for value in [&CLAIM[..], &body[..]] {
        let mut set = redis::cmd("SET");
        set.arg(key).arg(value).arg("PX").arg(86_400_000);
        set.query_async::<()>(&mut redis.clone()).await.map_err(failed)?;
    }
    Ok(shop.pay(body))
}

/// One `GET`, whose value is the answer.
async fn one_get(State((_, redis)): State<(Shop, ConnectionManager)>, headers: HeaderMap, _: Bytes) -> Answer {
    let mut get = redis::cmd("GET");
    let value: Option<Vec<u8>> = get.arg(key(&headers)?).query_async(&mut redis.clone()).await.map_err(failed)?;
    let value = value.ok_or(StatusCode::NOT_FOUND)?;
    Ok((StatusCode::CREATED, [(http::header::CONTENT_TYPE, "application/json")], value.into()))
}

pub(super) async fn redis(shop: &Shop, url: &str) -> io::Result<Router> {
    let client = redis::Client::open(url).map_err(io::Error::other)?;
    let config = redis::aio::ConnectionManagerConfig::new().set_response_timeout(Some(PATIENCE));
    let redis = client.get_connection_manager_with_config(config).await.map_err(io::Error::other)?;
    let state = (shop.clone(), redis);
    Ok(Router::new().route("/two-sets", post(two_sets)).route("/get", post(one_get)).with_state(state))
}

pub(super) fn insert(db: &Connection, note: &[u8]) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT INTO payments (note) VALUES (?1)")?.execute([note]).map(drop)
}

/// The business transaction alone, in commits that it shares with the others that wait.
async fn sqlite_pay(State((shop, store)): State<(Shop, SqliteStore)>, body: Bytes) -> Answer {
    let note = body.clone();
    store.write(move |db| insert(db, &note)).await.map_err(failed)?;
    Ok(shop.pay(body))
}

/// A file with a table for payments.
pub(super) async fn open(file: &str) -> io::Result<SqliteStore> {
    let store = SqliteStore::builder(file).response_timeout(PATIENCE).open().map_err(io::Error::other)?;
    let table = "CREATE TABLE payments (id INTEGER PRIMARY KEY, note BLOB NOT NULL)";
    store.write(move |db| db.execute_batch(table)).await.map_err(io::Error::other)?;
    Ok(store)
}

pub(super) async fn sqlite(shop: &Shop, file: &str) -> io::Result<Router> {
    let store = open(file).await?;
    Ok(Router::new().route("/pay", post(sqlite_pay)).with_state((shop.clone(), store)))
}

/// The business transaction alone.
async fn postgres_pay(State((shop, pool)): State<(Shop, PgPool)>, body: Bytes) -> Answer {
    let mut transaction = pool.begin().await.map_err(failed)?;
    sqlx::query(INSERT).bind(&body[..]).execute(&mut *transaction).await.map_err(failed)?;
    transaction.commit().await.map_err(failed)?;
    Ok(shop.pay(body))
}

pub(super) async fn postgres(shop: &Shop, url: &str) -> io::Result<Router> {
    let options = sqlx::postgres::PgPoolOptions::new().max_connections(CONNECTIONS).test_before_acquire(false);
    let pool = options.connect(url).await.map_err(io::Error::other)?;
    Ok(Router::new().route("/pay", post(postgres_pay)).with_state((shop.clone(), pool)))
}
