//! The routes.
//!
//! Only successes are recorded (`record = "success"`). A refusal is looked up anew each time: a record of "this id is used
//! for another order" would carry the fingerprint of the wrong request, and refuse the right one when it comes again.

use axum::Router;
use axum::extract::{FromRef, State};
use axum::http::{StatusCode, header::LOCATION};
use axum::middleware::map_response;
use axum::response::{AppendHeaders, IntoResponse, Response};
use axum::routing::{get, post, put};
use idem_runtime::{Execution, Idempotency, SqliteStore, SqliteTransaction, SqliteTransactions, idempotent};
use tower_http::catch_panic::CatchPanicLayer;

use crate::drafts::{Draft, Drafts};
use crate::orders::{self, Goods, Order, Placed};
use crate::problem::{self, Problem};
use crate::request::{Id, Json, Path, User};

/// What the handlers share.
#[derive(Clone, Debug, FromRef)]
pub(crate) struct AppState {
    /// The guard.
    pub(crate) idempotency: Idempotency,
    /// Where guarded handlers write.
    pub(crate) transactions: SqliteTransactions,
    /// Where the others read.
    pub(crate) store: SqliteStore,
    /// What needs no guard.
    pub(crate) drafts: Drafts,
}

/// All routes.
pub(crate) fn router(state: AppState) -> Router {
    Router::new()
        .route("/v1/orders", post(post_order).get(list_orders))
        .route("/v1/orders/{id}", put(put_order).get(show_order))
        .route("/v1/orders/drafts", post(make_draft))
        .route("/v1/orders/drafts/{id}", get(show_draft))
        .route("/v1/orders/drafts/{id}/commit", put(commit_draft))
        .layer(CatchPanicLayer::new())
        .layer(map_response(problem::of_every_error))
        .with_state(state)
}

/// The URL is the key, and the id that the client made is the order's. Two requests are the same if they order the same,
/// however they write it.
#[idempotent(
    ttl = "24h",
    key = "path:id",
    scope = user.name,
    fingerprint = goods,
    record = "success",
    replay_status = 200,
    in_flight = "wait:5s",
    lease = "3s",
    state = AppState,
)]
async fn put_order(
    user: User,
    Path(id): Path<Id>,
    mut tx: SqliteTransaction,
    Json(goods): Json<Goods>,
) -> Result<Placed, Problem> {
    tx.call(move |db| orders::put(db, &user.name, &id, &goods)).await?
}

/// The key is required. The order remembers it, as the digest that is derived of it, so that it is one order when the
/// record has ended too. For that the operation has a name, which stays when the route is moved.
#[idempotent(
    ttl = "24h",
    key = "header:X-Idempotency-Key",
    scope = user.name,
    operation = "post an order",
    missing = 428,
    fingerprint = goods,
    record = "success",
    replay_status = 200,
    in_flight = "wait:5s",
    lease = "3s",
    state = AppState,
)]
async fn post_order(
    user: User,
    execution: Execution,
    mut tx: SqliteTransaction,
    Json(goods): Json<Goods>,
) -> Result<Placed, Problem> {
    let request = execution.derive_key("order");
    tx.call(move |db| orders::post(db, &user.name, request.as_deref(), &goods)).await?
}

/// The draft says what is ordered, so nothing in the request has to be the same but the URL.
#[idempotent(
    ttl = "24h",
    key = "path:id",
    scope = user.name,
    fingerprint = "none",
    record = "success",
    replay_status = 200,
    in_flight = "wait:5s",
    lease = "3s",
    state = AppState,
)]
async fn commit_draft(user: User, mut tx: SqliteTransaction, Path(id): Path<Id>) -> Result<Placed, Problem> {
    tx.call(move |db| orders::commit(db, &user.name, &id)).await?
}

async fn list_orders(user: User, State(store): State<SqliteStore>) -> Result<Json<Vec<Order>>, Problem> {
    Ok(Json(store.read(move |db| orders::latest(db, &user.name)).await?))
}

async fn show_order(user: User, Path(id): Path<Id>, State(store): State<SqliteStore>) -> Result<Json<Order>, Problem> {
    let order = store.read(move |db| orders::find(db, &id)).await?;
    // Somebody else's is as unknown as one that is not there.
    order.filter(|order| order.owner == user.name).map(Json).ok_or(Problem::UnknownOrder)
}

/// Needs no key: a draft that is made twice is two drafts, and nothing comes of the one that nobody commits.
async fn make_draft(
    user: User,
    State(drafts): State<Drafts>,
    Json(goods): Json<Goods>,
) -> Result<impl IntoResponse, Problem> {
    let draft = drafts.make(user.name, goods).await?;
    let location = format!("/v1/orders/drafts/{}", draft.id);
    Ok((StatusCode::CREATED, AppendHeaders([(LOCATION, location)]), Json(draft)))
}

async fn show_draft(user: User, Path(id): Path<Id>, State(drafts): State<Drafts>) -> Result<Json<Draft>, Problem> {
    drafts.find(user.name, id).await?.map(Json).ok_or(Problem::UnknownDraft)
}

impl IntoResponse for Placed {
    fn into_response(self) -> Response {
        let (status, order) = match self {
            Self::Now(order) => (StatusCode::CREATED, order),
            Self::Before(order) => (StatusCode::OK, order),
        };
        (status, AppendHeaders([(LOCATION, order.location())]), Json(order)).into_response()
    }
}
