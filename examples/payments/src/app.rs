//! The routes.

use std::num::NonZeroU64;

use axum::extract::{FromRef, Path, State};
use axum::http::{StatusCode, header::LOCATION};
use axum::response::{AppendHeaders, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use idem_runtime::{Execution, Idempotency, idempotent};
use problem_details::ProblemDetails;
use serde::{Deserialize, Serialize};
use tower_http::catch_panic::CatchPanicLayer;

use crate::ledger::{Failure, Ledger, Payment};

/// What the handlers share.
#[derive(Clone, Debug, FromRef)]
pub(crate) struct AppState {
    /// The guard.
    pub(crate) idempotency: Idempotency,
    /// The effects.
    pub(crate) ledger: Ledger,
}

/// All routes.
pub(crate) fn router(state: AppState) -> Router {
    Router::new()
        .route("/pay", post(pay))
        .route("/v1/payments", post(create_payment).get(list_payments))
        .route("/v1/payments/{id}", get(show_payment))
        .route("/v1/counts", get(counts))
        .route("/live", get(async || StatusCode::NO_CONTENT))
        .route("/ready", get(ready))
        .layer(CatchPanicLayer::new())
        .with_state(state)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PayOrder {
    order_id: OrderId,
}

/// An order is named by a number or by a text.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(untagged)]
enum OrderId {
    Number(u64),
    Text(String),
}

#[derive(Debug, Serialize)]
struct Paid {
    order: OrderId,
    status: &'static str,
}

/// The key is optional here: without one, every request pays.
#[idempotent(ttl = "1h", key = "header:Idempotency-Key", missing = "execute", state = AppState)]
async fn pay(
    State(ledger): State<Ledger>,
    execution: Execution,
    Json(request): Json<PayOrder>,
) -> Result<Json<Paid>, ProviderFailed> {
    let order = match &request.order_id {
        OrderId::Number(number) => number.to_string(),
        OrderId::Text(text) => text.clone(),
    };
    ledger.charge(order, None, execution.attempt()).await?;
    Ok(Json(Paid { order: request.order_id, status: "paid" }))
}

#[derive(Debug, Deserialize)]
struct NewPayment {
    order: String,
    amount: NonZeroU64,
}

/// The key is required: 428 without, 201 for the first request, 200 with the same body for a retry.
#[idempotent(
    ttl = "24h",
    key = "header:X-Idempotency-Key",
    missing = 428,
    replay_status = 200,
    state = AppState,
)]
async fn create_payment(
    State(ledger): State<Ledger>,
    execution: Execution,
    Json(new): Json<NewPayment>,
) -> Result<impl IntoResponse, ProviderFailed> {
    let payment = ledger.charge(new.order, Some(new.amount), execution.attempt()).await?;
    let location = format!("/v1/payments/{}", payment.id);
    Ok((StatusCode::CREATED, AppendHeaders([(LOCATION, location)]), Json(payment)))
}

async fn list_payments(State(ledger): State<Ledger>) -> Result<Json<Vec<Payment>>, ProviderFailed> {
    Ok(Json(ledger.all().await?))
}

async fn show_payment(State(ledger): State<Ledger>, Path(id): Path<u64>) -> Result<Json<Payment>, Response> {
    let payment = ledger.find(id).await.map_err(|error| ProviderFailed(error).into_response())?;
    payment.map(Json).ok_or_else(|| {
        let problem = ProblemDetails::from_status_code(StatusCode::NOT_FOUND);
        problem.with_detail(format!("there is no payment {id}")).into_response()
    })
}

/// The provider has charged nothing. A 5xx, so nothing is recorded, and the next retry pays.
#[derive(Debug)]
struct ProviderFailed(Failure);

impl From<Failure> for ProviderFailed {
    fn from(error: Failure) -> Self {
        Self(error)
    }
}

impl IntoResponse for ProviderFailed {
    fn into_response(self) -> Response {
        tracing::error!(error = %self.0, "the provider has failed");
        ProblemDetails::from_status_code(StatusCode::BAD_GATEWAY).with_detail("the provider has failed").into_response()
    }
}

/// For whoever sends requests here: whether they had better be sent somewhere else. `/live` only says that the process
/// answers, for whoever would start it anew: that repairs no store.
async fn ready(State(idempotency): State<Idempotency>) -> Result<StatusCode, ProblemDetails> {
    idempotency
        .ready()
        .await
        .map(|()| StatusCode::NO_CONTENT)
        .map_err(|why| ProblemDetails::from_status_code(StatusCode::SERVICE_UNAVAILABLE).with_detail(why.to_string()))
}

#[derive(Debug, Serialize)]
struct Counts {
    executed: u64,
    replayed: u64,
    unprotected: u64,
    in_progress: u64,
    key_reused: u64,
}

/// How often each thing has happened in this process.
async fn counts(State(idempotency): State<Idempotency>) -> impl IntoResponse {
    let counts = idempotency.counts();
    Json(Counts {
        executed: counts.executed,
        replayed: counts.replayed,
        unprotected: counts.unprotected,
        in_progress: counts.in_progress,
        key_reused: counts.key_reused,
    })
}
