//! The routes.

use std::num::NonZeroU32;
use std::time::Duration;

use axum::extract::{FromRef, State};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use headers::HeaderMapExt as _;
use idem_runtime::{
    BadTag, Created, ETag, Idempotency, IfMatch, SqliteTransaction, SqliteTransactions, idempotent, strong_etag,
};
use serde::Deserialize;
use tower_http::catch_panic::CatchPanicLayer;

use crate::limit::{Limit, limited};
use crate::problem::{self, Body, Path, Problem, Query};
use crate::tasks::{self, Added, Task, Tasks, Title};

/// What the handlers share.
#[derive(Clone, Debug, FromRef)]
pub(crate) struct AppState {
    /// The guard.
    pub(crate) idempotency: Idempotency,
    /// Its transactions.
    pub(crate) transactions: SqliteTransactions,
    /// The effects.
    pub(crate) tasks: Tasks,
    /// How long a transaction is left open once a task is written.
    pub(crate) delay: Delay,
}

/// A time to kill this program in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delay(pub(crate) Duration);

/// All routes.
pub(crate) fn router(state: AppState, limit: Limit) -> Router {
    Router::new()
        .route("/v1/tasks", get(list_tasks).post(create_task))
        .route("/v1/tasks/{id}", get(show_task))
        .layer(from_fn_with_state(limit, limited))
        .layer(CatchPanicLayer::new())
        .layer(map_response(problem::everywhere))
        .with_state(state)
}

/// Whose tasks. In the query of `POST` as in that of `GET`: `If-Match` and `ETag` speak of the resource that a request goes
/// to, and so both have to go to one. Where there is a login, it says who it is.
#[derive(Clone, Copy, Debug, Deserialize)]
struct User {
    user_id: NonZeroU32,
}

impl User {
    fn id(self) -> u32 {
        self.user_id.get()
    }

    fn collection(self) -> String {
        format!("/v1/tasks?user_id={}", self.user_id)
    }
}

#[derive(Debug, Deserialize)]
struct NewTask {
    title: Title,
}

fn tag(revision: u64) -> Result<ETag, BadTag> {
    strong_etag(format!("rev{revision}"))
}

fn path(id: u64) -> String {
    format!("/v1/tasks/{id}")
}

/// 201 for the first request under a key and 200 with the same task for a retry, however stale its `If-Match` is by then.
/// Without a key it runs unprotected, and a task that is there already is what tells a retry: 409.
///
/// As RFC 9110, section 13.2.1, has it, `If-Match` is judged when the request is known to be well-formed, and before what it
/// asks for is looked at.
#[idempotent(
    ttl = "24h",
    key = "header:X-Idempotency-Key",
    scope = user.user_id.get(),
    missing = "execute",
    replay_status = 200,
    lease = "5s",
    state = AppState,
)]
async fn create_task(
    Query(user): Query<User>,
    State(delay): State<Delay>,
    if_match: IfMatch,
    mut tx: SqliteTransaction,
    Body(new): Body<NewTask>,
) -> axum::response::Result<Created<Json<Task>>> {
    // The transaction has SQLite's only lock from here on: this revision stays the present one.
    let revision = tx.call(move |db| tasks::revision(db, user.id())).await.map_err(Problem::from)?;
    if_match.require(Some(&tag(revision)?))?;
    let added = tx.call(move |db| tasks::add(db, user.id(), new.title)).await.map_err(Problem::from)?;
    let task = match added {
        Added::New(task) => task,
        Added::Duplicate { id } => return Err(Problem::duplicate(path(id)).into()),
    };
    delay.pass(task.id).await;
    Ok(Created::at(path(task.id))?.content_location(user.collection())?.etag(tag(revision + 1)?).body(Json(task)))
}

impl Delay {
    #[allow(clippy::print_stdout, reason = "whoever asked for a delay wants to know when it is time")]
    async fn pass(self, id: u64) {
        if !self.0.is_zero() {
            println!("task {id} is written, and not committed yet");
            tokio::time::sleep(self.0).await;
        }
    }
}

/// A key has no effect here: this can be repeated as it is.
async fn list_tasks(Query(user): Query<User>, State(tasks): State<Tasks>) -> axum::response::Result<Response> {
    let (revision, tasks) = tasks.of_user(user.id()).await.map_err(Problem::from)?;
    let mut response = Json(tasks).into_response();
    response.headers_mut().typed_insert(tag(revision)?);
    Ok(response)
}

async fn show_task(Path(id): Path<u64>, State(tasks): State<Tasks>) -> Result<Json<Task>, Problem> {
    tasks.find(id).await?.map(Json).ok_or_else(|| Problem::not_found(id))
}
