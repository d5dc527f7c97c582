//! What is asked and made before the store is used.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};

use super::error::PostgresConnectError;
use super::fault::Fault;
use super::sql::{Names, SCHEMA_VERSION};

/// How long a migration may take. It makes empty tables; what it waits for is another migration.
const MIGRATION: Duration = Duration::from_secs(60);

/// A server, and where the tables are or should be.
pub(super) struct Startup<'a> {
    pub(super) options: &'a PgConnectOptions,
    pub(super) names: &'a Names,
    pub(super) address: &'a str,
    pub(super) within: Duration,
}

impl Startup<'_> {
    /// Whether the server will do: that it can be written to, and has the tables of this release.
    pub(super) async fn check(&self) -> Result<(), PostgresConnectError> {
        match self.version(self.within).await? {
            None => Err(PostgresConnectError::NotMigrated { address: self.address.to_owned(), table: self.table() }),
            Some(found) => self.compare(found),
        }
    }

    /// Makes what is missing. More than one may do this at once: they wait for each other.
    pub(super) async fn migrate(&self) -> Result<(), PostgresConnectError> {
        // Asked first, because a user without the right to make anything may well run this on a finished database.
        if let Some(found) = self.version(self.within).await?
            && found >= SCHEMA_VERSION
        {
            return self.compare(found);
        }
        let script = AssertSqlSafe(self.names.schema_sql());
        let made = self
            .with_connection(MIGRATION, async |connection: &mut PgConnection| {
                sqlx::raw_sql(script).execute(connection).await.map(drop)
            })
            .await;
        match made {
            // Somebody with a newer release was faster: the comparison says it better.
            Err(PostgresConnectError::Refused { code, .. }) if code.starts_with("55000") => self.check().await,
            made => made,
        }
    }

    fn table(&self) -> String {
        format!("{}.{}", self.names.schema, self.names.table)
    }

    fn compare(&self, found: i32) -> Result<(), PostgresConnectError> {
        match found == SCHEMA_VERSION {
            true => Ok(()),
            false => Err(PostgresConnectError::OtherVersion {
                address: self.address.to_owned(),
                table: self.table(),
                found,
                needed: SCHEMA_VERSION,
            }),
        }
    }

    /// The version of the tables, if they are there.
    async fn version(&self, within: Duration) -> Result<Option<i32>, PostgresConnectError> {
        let tables = (self.names.table("_version"), self.names.table(""));
        let (read_only, version) = self
            .with_connection(within, async |connection: &mut PgConnection| {
                let row = sqlx::query(
                    "SELECT current_setting('transaction_read_only') = 'on', \
                     to_regclass($1) IS NOT NULL AND to_regclass($2) IS NOT NULL",
                )
                .bind(&tables.0)
                .bind(&tables.1)
                .fetch_one(&mut *connection)
                .await?;
                let read_only: bool = row.try_get(0)?;
                if !row.try_get::<bool, _>(1)? {
                    return Ok((read_only, None));
                }
                let version = AssertSqlSafe(format!("SELECT max(version) FROM {}", tables.0));
                let version: Option<i32> = sqlx::query_scalar(version).fetch_one(connection).await?;
                Ok((read_only, version))
            })
            .await?;
        match read_only {
            true => Err(PostgresConnectError::ReadOnly { address: self.address.to_owned() }),
            false => Ok(version),
        }
    }

    /// A connection of its own, and not the pool's: that one tries again and again while a server refuses, and then says
    /// no more than that it took too long.
    async fn with_connection<T>(
        &self,
        within: Duration,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, PostgresConnectError> {
        let all = async {
            let mut connection = PgConnection::connect_with(self.options).await?;
            let done = work(&mut connection).await;
            // Nothing is lost if it goes without a farewell; after an error there may be a transaction to be ended.
            let _ = connection.close_hard().await;
            done
        };
        match tokio::time::timeout(within, all).await {
            Ok(done) => done.map_err(|error| Fault::from(error).into_connect_error(self.address, within)),
            Err(_) => Err(Fault::Late.into_connect_error(self.address, within)),
        }
    }
}
