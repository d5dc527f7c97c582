//! How a statement is sent: with a deadline, on a connection of the pool, and once more where that is safe.

use sqlx::encode::Encode;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::{Arguments as _, Connection as _, Postgres, SqlStr, Type};
use tokio::time::{Instant, timeout_at};

use super::fault::Fault;
use super::{PostgresStore, Spares};
use crate::store::StoreError;

/// Whether a statement may be sent once more when the connection was lost, and with it the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    /// Said twice, it means the same.
    Harmless,
    /// The second answer would be another one.
    No,
}

/// Parameters in the order of their numbers.
#[derive(Default)]
pub(super) struct Parameters {
    arguments: PgArguments,
    failed: Option<sqlx::error::BoxDynError>,
}

impl Parameters {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn with<'t, T: Encode<'t, Postgres> + Type<Postgres>>(mut self, value: T) -> Self {
        if let Err(error) = self.arguments.add(value) {
            self.failed = Some(error);
        }
        self
    }

    fn ready(self) -> Result<PgArguments, Fault> {
        match self.failed {
            Some(error) => Err(sqlx::Error::Encode(error).into()),
            None => Ok(self.arguments),
        }
    }
}

impl PostgresStore {
    /// Sends one statement, which is a transaction of its own, and gives the row that it returned, if any.
    ///
    /// Takes no longer than the response timeout, however the server behaves.
    pub(super) async fn ask(
        &self,
        statement: &SqlStr,
        repeat: Repeat,
        parameters: impl Fn() -> Parameters + Send + Sync,
    ) -> Result<Option<PgRow>, StoreError> {
        let within = self.inner.response_timeout;
        let deadline = Instant::now() + within;
        let fault = match self.ask_once(statement, parameters(), deadline, false).await {
            Ok(row) => return Ok(row),
            Err(fault) => fault,
        };
        let again = fault.is_rolled_back() || (repeat == Repeat::Harmless && fault.is_lost_connection());
        if !again {
            return Err(fault.into_store_error(within));
        }
        let proven = fault.is_lost_connection();
        let second = self.ask_once(statement, parameters(), deadline, proven).await;
        second.map_err(|fault| fault.into_store_error(within))
    }

    async fn ask_once(
        &self,
        statement: &SqlStr,
        parameters: Parameters,
        deadline: Instant,
        proven: bool,
    ) -> Result<Option<PgRow>, Fault> {
        let mut connection = match proven {
            true => self.proven_connection(deadline).await?,
            false => self.connection(deadline).await?,
        };
        // All rows, though there is one at most: a row is sent before the transaction is committed, and an error of the
        // commit comes after it. Only what was read to the end has happened.
        let query = sqlx::query_with(statement.clone(), parameters.ready()?).fetch_all(&mut *connection);
        match timeout_at(deadline, query).await {
            Ok(rows) => {
                let row = rows?.into_iter().next();
                if let Some(spare) = &self.inner.spare {
                    spare.connections.park(connection);
                }
                Ok(row)
            }
            Err(_) => {
                // Back in the pool it would first wait for the answer, if need be for as long as TCP believes in it.
                connection.close_on_drop();
                Err(Fault::Late)
            }
        }
    }

    async fn connection(&self, deadline: Instant) -> Result<PoolConnection<Postgres>, Fault> {
        let connection = match &self.inner.spare {
            Some(Spares { connections, .. }) => {
                // An idle one of the store's own pool needs nothing: what it has to be like, it was when it went there.
                match connections.take_at_once().or_else(|| self.inner.pool.try_acquire()) {
                    Some(connection) => return Ok(connection),
                    None => timeout_at(deadline, connections.take()).await,
                }
            }
            // The pool has a timeout of its own, but a pool that the application made may have a longer one. Boxed: what sqlx
            // needs for that takes 8 KB, which no other request is to carry.
            None => Box::pin(timeout_at(deadline, self.inner.pool.acquire())).await,
        };
        Ok(connection.map_err(|_| sqlx::Error::PoolTimedOut)??)
    }

    /// A connection that has just answered. After a server was started anew, every idle one is dead.
    async fn proven_connection(&self, deadline: Instant) -> Result<PoolConnection<Postgres>, Fault> {
        loop {
            let mut connection = self.connection(deadline).await?;
            match timeout_at(deadline, connection.ping()).await {
                Ok(Ok(())) => return Ok(connection),
                Ok(Err(_)) => connection.close_on_drop(),
                Err(_) => {
                    connection.close_on_drop();
                    return Err(Fault::Late);
                }
            }
        }
    }
}
