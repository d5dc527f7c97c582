use std::fmt;
use std::io;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, PgPool};

use super::error::PostgresConnectError;
use super::parked::Parked;
use super::sql::{Names, Statements, safe};
use super::startup::Startup;
use super::sweep::Sweeper;
use super::transaction::{USUAL_LEASE, timeouts_of_ours};
use super::{Inner, PostgresStore, Spares};
use crate::store::span;

/// Settings of a [`PostgresStore`], made with [`PostgresStore::builder`] or [`PostgresStore::from_pool`].
///
/// # Examples
///
/// ```
/// use idem_runtime::store::{PostgresConnectError, PostgresStore};
///
/// # async fn example() -> Result<PostgresStore, PostgresConnectError> {
/// let builder = PostgresStore::builder("postgres://shop:secret@db/shop").max_connections(20).max_transactions(40);
/// builder.connect().await
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct PostgresStoreBuilder {
    server: Server,
    names: Names,
    max_connections: u32,
    max_transactions: u32,
    response_timeout: Duration,
}

#[derive(Clone)]
enum Server {
    Url(String),
    Pool(PgPool),
}

impl PostgresStoreBuilder {
    pub(super) fn new(url: impl Into<String>) -> Self {
        Self::over(Server::Url(url.into()))
    }

    pub(super) fn with_pool(pool: PgPool) -> Self {
        Self::over(Server::Pool(pool))
    }

    fn over(server: Server) -> Self {
        Self {
            server,
            names: Names { schema: "idem".to_owned(), table: "records".to_owned() },
            max_connections: 10,
            max_transactions: 10,
            response_timeout: Duration::from_millis(800),
        }
    }

    /// The schema with the tables. `idem` unless said otherwise; a-z, 0-9 and `_`, at most 50 of them.
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::store::PostgresStore;
    ///
    /// let builder = PostgresStore::builder("postgres://shop:secret@db/shop").schema("payments");
    /// ```
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.names.schema = schema.into();
        self
    }

    /// The table; the names of all else begin with it. `records` unless said otherwise; a-z, 0-9 and `_`, at most 50 of
    /// them.
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::store::PostgresStore;
    ///
    /// // Two services in one schema, each with records of its own.
    /// let builder = PostgresStore::builder("postgres://shop:secret@db/shop").schema("shop").table("order_records");
    /// ```
    pub fn table(mut self, table: impl Into<String>) -> Self {
        self.names.table = table.into();
        self
    }

    /// How many connections there are at most, and so how many operations at once; more wait. 10 unless said otherwise.
    /// Without meaning for a pool of the application's own.
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::store::PostgresStore;
    ///
    /// let builder = PostgresStore::builder("postgres://shop:secret@db/shop").max_connections(20);
    /// ```
    pub fn max_connections(mut self, most: u32) -> Self {
        self.max_connections = most.max(1);
        self
    }

    /// How many handlers at most may run in a [`Transaction`](crate::Transaction) at once: each holds a connection while it
    /// runs, of a pool of its own. 10 unless said otherwise. Others wait for at most the
    /// [response timeout](Self::response_timeout), and are refused with 503 then. Without meaning for a pool of the
    /// application's own.
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::store::PostgresStore;
    ///
    /// let builder = PostgresStore::builder("postgres://shop:secret@db/shop").max_transactions(40);
    /// ```
    pub fn max_transactions(mut self, most: u32) -> Self {
        self.max_transactions = most.max(1);
        self
    }

    /// How long one operation may take, waiting for a connection included, from 4 ms to 24 days. 800 ms unless said otherwise,
    /// which is below the deadline that [`Idempotency`](crate::Idempotency) sets: raise that one, too.
    ///
    /// The server itself gives up a statement after three quarters of it, and waiting for a lock after a half.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use idem_runtime::Idempotency;
    /// use idem_runtime::store::{PostgresConnectError, PostgresStore};
    ///
    /// # async fn example() -> Result<Idempotency, PostgresConnectError> {
    /// let builder = PostgresStore::builder("postgres://shop:secret@far-away/shop").response_timeout(Duration::from_secs(2));
    /// let store = builder.connect().await?;
    /// Ok(Idempotency::builder(store).store_timeout(Duration::from_millis(2_500)).build())
    /// # }
    /// ```
    pub fn response_timeout(mut self, timeout: Duration) -> Self {
        // The longest is what PostgreSQL's own timeouts can say, in milliseconds.
        self.response_timeout =
            timeout.clamp(Duration::from_millis(4), Duration::from_millis(i32::MAX.unsigned_abs().into()));
        self
    }

    /// The SQL that makes the tables: [`SCHEMA_SQL`](PostgresStore::SCHEMA_SQL) with this builder's names, for an operator who wants
    /// to run it by hand.
    ///
    /// # Errors
    /// [`PostgresConnectError::Name`].
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::store::PostgresStore;
    ///
    /// let builder = PostgresStore::builder("postgres://shop:secret@db/shop").schema("payments");
    /// assert!(builder.schema_sql()?.contains(r#"CREATE SCHEMA "payments""#));
    /// # Ok::<(), idem_runtime::store::PostgresConnectError>(())
    /// ```
    pub fn schema_sql(&self) -> Result<String, PostgresConnectError> {
        self.check_names()?;
        Ok(self.names.schema_sql())
    }

    /// Makes the tables, or brings them up to date. Does nothing where that has been done; several processes may do it at
    /// once.
    ///
    /// The first time the user needs the right to make tables in the schema, and to make the schema if it is missing.
    /// Takes at most a minute.
    ///
    /// # Errors
    /// As [`connect`](Self::connect), and when the server refuses.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use idem_runtime::store::PostgresStore;
    ///
    /// # async fn example() -> Result<(), idem_runtime::store::PostgresConnectError> {
    /// let builder = PostgresStore::builder("postgres://shop:secret@db/shop").max_connections(20);
    /// builder.migrate().await?;
    /// let store = builder.connect().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn migrate(&self) -> Result<(), PostgresConnectError> {
        self.check_names()?;
        let options = self.options()?;
        self.startup(&options, &address(&options)).migrate().await
    }

    /// Looks at whether the server will do, that it can be written to and has the tables of this release, and connects.
    ///
    /// Takes at most ten times the [response timeout](Self::response_timeout). Connections that are lost later are made
    /// again by themselves.
    ///
    /// # Errors
    /// [`PostgresConnectError`], when the URL or a name cannot be used, when the server cannot be reached or refuses the
    /// user, when it is read-only, and when the tables are missing or of another release.
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::store::{PostgresConnectError, PostgresStore};
    ///
    /// # async fn example() -> Result<PostgresStore, PostgresConnectError> {
    /// let builder = PostgresStore::builder("postgres://shop:secret@db/shop");
    /// match builder.clone().connect().await {
    ///     Err(PostgresConnectError::NotMigrated { .. }) => {
    ///         builder.migrate().await?;
    ///         builder.connect().await
    ///     }
    ///     other => other,
    /// }
    /// # }
    /// ```
    pub async fn connect(self) -> Result<PostgresStore, PostgresConnectError> {
        self.check_names()?;
        let options = self.options()?;
        let address = address(&options);
        self.startup(&options, &address).check().await?;
        let (pool, transactions, sets_timeouts) = match &self.server {
            Server::Pool(pool) => (pool.clone(), pool.clone(), false),
            Server::Url(_) => (
                self.pool(options.clone(), self.max_connections, None),
                self.pool(options, self.max_transactions, Some(USUAL_LEASE)),
                true,
            ),
        };
        let (statements, sweeper) = (Statements::new(&self.names), Sweeper::new());
        let response_timeout = self.response_timeout;
        let spare = sets_timeouts.then(|| Spares {
            connections: Parked::new(pool.clone()),
            transactions: Parked::new(transactions.clone()),
        });
        let inner = Inner { pool, transactions, sets_timeouts, spare, address, statements, response_timeout, sweeper };
        Ok(PostgresStore { inner: Arc::new(inner) })
    }

    fn check_names(&self) -> Result<(), PostgresConnectError> {
        match self.names.unusable() {
            Some(name) => Err(PostgresConnectError::Name { name: name.chars().take(60).collect() }),
            None => Ok(()),
        }
    }

    fn options(&self) -> Result<PgConnectOptions, PostgresConnectError> {
        match &self.server {
            Server::Pool(pool) => Ok(pool.connect_options().as_ref().clone()),
            Server::Url(url) => {
                let known = url.starts_with("postgres://") || url.starts_with("postgresql://");
                let options = known.then(|| PgConnectOptions::from_str(url)).and_then(Result::ok);
                let options = options.ok_or(PostgresConnectError::Url)?;
                let named = options.get_application_name().is_some();
                let options = if named { options } else { options.application_name("idem") };
                // What a call costs and how it ends is logged where it is understood.
                Ok(options.disable_statement_logging())
            }
        }
    }

    fn startup<'a>(&'a self, options: &'a PgConnectOptions, address: &'a str) -> Startup<'a> {
        Startup { options, names: &self.names, address, within: self.response_timeout.saturating_mul(10) }
    }

    /// With a lease: for the transactions of handlers.
    fn pool(&self, options: PgConnectOptions, most: u32, lease: Option<Duration>) -> PgPool {
        let within = self.response_timeout;
        PgPoolOptions::new()
            .max_connections(most)
            .acquire_timeout(within / 4 * 3)
            // That would be a round trip before each statement. A connection that turns out to be dead costs a second try.
            .test_before_acquire(false)
            .after_connect(move |connection, _| Box::pin(prepare(connection, within, lease)))
            // The pool itself tests what it gets back, but without a deadline: a server that vanishes at that moment would
            // keep the connection's place taken for as long as TCP believes in it.
            .after_release(move |connection, _| Box::pin(still_answers(connection, within)))
            .connect_lazy_with(options)
    }
}

/// Sets what this store relies on, whatever the defaults of the server, the database and the user are.
async fn prepare(connection: &mut PgConnection, within: Duration, lease: Option<Duration>) -> Result<(), sqlx::Error> {
    let millis = |part: Duration| part.as_millis().to_string();
    sqlx::query(
        "SELECT set_config('lock_timeout', $1, false), set_config('statement_timeout', $2, false), \
         set_config('default_transaction_isolation', 'read committed', false), \
         set_config('synchronous_commit', CASE current_setting('synchronous_commit') \
         WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false)",
    )
    .bind(millis(within / 2))
    .bind(millis(within / 4 * 3))
    .fetch_all(&mut *connection)
    .await?;
    if let Some(lease) = lease {
        let timeouts = safe(timeouts_of_ours(span::millis(lease), "SESSION"));
        sqlx::raw_sql(timeouts).execute(connection).await?;
    }
    Ok(())
}

async fn still_answers(connection: &mut PgConnection, within: Duration) -> Result<bool, sqlx::Error> {
    // A handler has left a transaction within the transaction to itself, with `mem::forget` say. `sqlx` would try to roll
    // back that one for ever.
    if connection.is_in_transaction() {
        return Ok(false);
    }
    let late = || io::Error::from(io::ErrorKind::TimedOut);
    tokio::time::timeout(within, connection.ping()).await.map_err(|_| late())??;
    Ok(true)
}

/// Where a server is, in words that may be shown.
fn address(options: &PgConnectOptions) -> String {
    let database = options.get_database().unwrap_or_else(|| options.get_username());
    match options.get_socket() {
        Some(socket) => format!("{}/{database}", socket.display()),
        None => format!("{}:{}/{database}", options.get_host(), options.get_port()),
    }
}

impl fmt::Debug for PostgresStoreBuilder {
    // Without the URL, which may carry a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStoreBuilder")
            .field("names", &self.names)
            .field("max_connections", &self.max_connections)
            .field("response_timeout", &self.response_timeout)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn b40_no_error_about_a_url_shows_it() {
        for url in [
            "postgres://user:canary@host:notaport",
            "redis://:canary@host",
            "canary",
            "",
            "postgres://u:canary@h?sslmode=canary",
        ] {
            let builder = PostgresStoreBuilder::new(url);
            let shown = format!("{builder:?}");
            assert!(!shown.contains("canary"), "{shown}");
            let error = builder.connect().await.unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(matches!(error, PostgresConnectError::Url) && !shown.contains("canary"), "{url}: {shown}");
        }
    }

    #[tokio::test]
    async fn b13_a_name_that_is_none_is_refused_before_anything_is_sent() {
        let builder = PostgresStore::builder("postgres://localhost/x").table("a\"; DROP TABLE b; --");
        assert!(matches!(builder.schema_sql(), Err(PostgresConnectError::Name { .. })));
        assert!(matches!(builder.migrate().await, Err(PostgresConnectError::Name { .. })));
        assert!(matches!(builder.connect().await, Err(PostgresConnectError::Name { .. })));
    }

    #[test]
    fn a_server_is_named_without_its_user() {
        let options = PgConnectOptions::from_str("postgres://user:canary@db.example:6432/shop").unwrap();
        assert_eq!(address(&options), "db.example:6432/shop");
    }

    #[test]
    fn timeouts_at_the_edges_can_be_said_to_the_server() {
        let set = |timeout| PostgresStore::builder("").response_timeout(timeout).response_timeout;
        assert_eq!(set(Duration::MAX).as_millis(), 2_147_483_647);
        assert!((set(Duration::ZERO) / 2).as_millis() > 0);
    }
}
