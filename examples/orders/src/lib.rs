//! A shop that takes an order once, in the three ways in which an interface can promise that: `PUT` with an id that the
//! client made, `POST` with a key, and a draft that is committed.
//!
//! Each way leaves something in the order's row that there can be only one of: its id, the request that carried the key, the
//! draft. The row and the record of the request are committed in one transaction. While the record lasts, a retry is
//! answered from it; after that the row answers, and says the same.

#![forbid(unsafe_code)]

use std::error::Error;
use std::time::Duration;

use axum::Router;
use idem_runtime::{Idempotency, ShutdownError, SqliteStore};
use tokio::net::TcpListener;

mod app;
mod drafts;
mod orders;
mod problem;
mod request;

use app::AppState;
use drafts::Drafts;

/// How long running requests may take to end.
const GRACE: Duration = Duration::from_secs(20);

/// The shop: what it keeps is in the database of the store that keeps the records.
#[derive(Clone, Debug)]
pub struct Shop {
    state: AppState,
}

impl Shop {
    /// Makes the tables that are missing. `idempotency` guards with `store`, or with something in front of it; drafts that
    /// are not committed live for `draft_ttl`.
    ///
    /// # Errors
    /// When the tables cannot be made, or are somebody else's, or `idempotency` guards with a store that has no transactions
    /// in SQLite.
    pub async fn open(
        idempotency: Idempotency,
        store: SqliteStore,
        draft_ttl: Duration,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let transactions = idempotency.transactions()?;
        store
            .write(|db| {
                orders::make_table(db)?;
                drafts::make_table(db)
            })
            .await?;
        let drafts = Drafts { store: store.clone(), ttl: draft_ttl };
        Ok(Self { state: AppState { idempotency, transactions, store, drafts } })
    }

    /// Its routes.
    pub fn router(&self) -> Router {
        app::router(self.state.clone())
    }

    /// Serves until `stop` ends, and then until all that was begun is recorded, for 20 s at the most. Expired drafts are deleted at the start, and
    /// again after each `sweep_every`.
    ///
    /// # Errors
    /// When the listener fails, or 20 s were not enough.
    pub async fn serve(
        self,
        listener: TcpListener,
        sweep_every: Duration,
        stop: impl Future<Output = ()>,
    ) -> Result<(), ShutdownError> {
        let sweeper = tokio::spawn(self.state.drafts.clone().sweep_for_ever(sweep_every));
        let router = self.router();
        let serve = |stop| axum::serve(listener, router).with_graceful_shutdown(stop);
        let served = self.state.idempotency.serve_gracefully(stop, GRACE, serve).await;
        sweeper.abort();
        served
    }
}
