//! Campaigns of faults, with their effects counted: processes killed at every step and stopped past their lease, and
//! thousands of requests through a storm of everything that can happen between an application and its store.
//!
//! Random campaigns print `IDEM_SEED=..`; set it to run the same one again. What they found is in
//! `idem-runtime/docs/faults.md`, which a test here compares with them; `IDEM_BLESS=1` writes it anew.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bed;
mod kills;
mod stops;
mod storm;
mod table;

use bed::Kind;

/// What a campaign has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    /// Requests under a key that got their final answer, or were cut off by the fault.
    operations: usize,
    /// Effects that were repeated after the lease of a dead owner had ended, as `on_failure = "retry"` says.
    repeated: usize,
    /// Executions of a key, or effects where they are counted by the store's own transactions, beside another one's lease.
    second_executions: usize,
    /// Answers to one key that differ.
    changed_answers: usize,
    /// Keys whose answer was given, and is not replayed.
    lost_records: usize,
}

/// A campaign, and what it has to come to.
struct Campaign {
    name: &'static str,
    kind: Kind,
    fault: &'static str,
    counts: Counts,
}

impl Campaign {
    #[allow(clippy::print_stdout, reason = "the counts are what a campaign is for")]
    fn check(&self, counted: Counts) {
        println!("campaign {}: {counted:?}", self.name);
        assert_eq!(counted, self.counts, "{}", self.name);
    }
}

const fn counts(operations: usize, repeated: usize) -> Counts {
    Counts { operations, repeated, second_executions: 0, changed_answers: 0, lost_records: 0 }
}

/// Each campaign is a test, and a row of the table.
macro_rules! campaigns {
    ($($name:ident: $module:ident, $kind:ident, $counts:expr;)*) => {
        const CAMPAIGNS: [Campaign; [$(stringify!($name)),*].len()] = [$(Campaign {
            name: stringify!($name),
            kind: Kind::$kind,
            fault: $module::fault(Kind::$kind),
            counts: $counts,
        }),*];

        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            let campaign = CAMPAIGNS.iter().find(|campaign| campaign.name == stringify!($name)).unwrap();
            campaign.check($module::run(campaign.kind).await);
        })*
    };
}

campaigns! {
    kills_redis: kills, Redis, counts(14, 2);
    kills_postgres: kills, Postgres, counts(14, 2);
    kills_postgres_transactions: kills, PostgresTransactions, counts(14, 0);
    kills_sqlite: kills, Sqlite, counts(14, 2);
    kills_sqlite_transactions: kills, SqliteTransactions, counts(14, 0);
    stops_redis: stops, Redis, counts(1, 1);
    stops_postgres: stops, Postgres, counts(1, 1);
    stops_postgres_transactions: stops, PostgresTransactions, counts(1, 0);
    stops_sqlite: stops, Sqlite, counts(1, 1);
    stops_sqlite_transactions: stops, SqliteTransactions, counts(1, 0);
    storm_redis: storm, Redis, counts(storm::REQUESTS, 0);
    storm_redis_dressed: storm, RedisDressed, counts(storm::REQUESTS, 0);
    storm_postgres: storm, Postgres, counts(storm::REQUESTS, 0);
    storm_postgres_transactions: storm, PostgresTransactions, counts(storm::REQUESTS, 0);
    storm_postgres_transactions_dressed: storm, PostgresTransactionsDressed, counts(storm::REQUESTS, 0);
}
