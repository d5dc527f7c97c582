//! What is PostgreSQL's own affair, without a handler; the rest is judged by the suite for stores with transactions.

use idem_runtime::store::{
    Begun, Claim, ClaimOutcome, Committed, Hold, Outcome, Recording, Store as _, TransactionalStore as _, Writes,
};
use idem_tests::claims::{claim, outcome};

use super::*;

async fn stores(database: &PostgresServer) -> [PostgresStore; 2] {
    let builder = PostgresStore::builder(database.url()).response_timeout(Duration::from_secs(20));
    builder.migrate().await.unwrap();
    [builder.clone().connect().await.unwrap(), builder.connect().await.unwrap()]
}

pub(super) fn recording<'a>(claim: &'a Claim, attempt: u32, outcome: &'a Outcome) -> Option<Recording<'a>> {
    Some(Recording { claim, attempt, outcome })
}

#[tokio::test]
async fn what_was_set_for_a_handler_does_not_outlive_its_transaction() {
    let database = PostgresServer::with(&["fsync=off"]).await;
    let builder = PostgresStore::builder(database.url()).response_timeout(Duration::from_secs(20)).max_transactions(1);
    builder.migrate().await.unwrap();
    let store = builder.connect().await.unwrap();
    let settings =
        "SELECT current_setting('idle_in_transaction_session_timeout'), current_setting('statement_timeout')";
    let brief = Claim { lease: Duration::from_millis(7_000), ..claim() };
    let Begun::Open { mut transaction, .. } = store.begin(&brief, None).await.unwrap() else { panic!() };
    let within = sqlx::query(settings).fetch_one(&mut *transaction).await.unwrap();
    assert_eq!((within.get::<String, _>(0), within.get::<String, _>(1)), ("7s".to_owned(), "7s".to_owned()));
    let outcome = outcome();
    let committed = store.commit(transaction, Writes::Keep, recording(&brief, 1, &outcome)).await.unwrap();
    assert_eq!(committed, Committed::Yes);
    let mut next = store.begin_unguarded(Duration::from_secs(30)).await.unwrap();
    let after = sqlx::query(settings).fetch_one(&mut *next).await.unwrap();
    assert_eq!((after.get::<String, _>(0), after.get::<String, _>(1)), ("30s".to_owned(), "30s".to_owned()));
}

#[tokio::test]
async fn tables_of_the_version_before_are_brought_up_to_date() {
    let database = PostgresServer::with(&["fsync=off"]).await;
    let [store, _] = stores(&database).await;
    let (mine, outcome) = (claim(), outcome());
    assert_eq!(store.claim(&mine).await.unwrap(), ClaimOutcome::Claimed { attempt: 1 });
    assert_eq!(store.complete(&mine, 1, &outcome).await.unwrap(), Hold::Held);
    database
        .run(
            "DROP FUNCTION idem.records_begin_v2; DROP FUNCTION idem.records_record_v2; DROP FUNCTION \
             idem.records_ended_v2; UPDATE idem.records_version SET version = 1",
        )
        .await;
    let builder = PostgresStore::builder(database.url()).response_timeout(Duration::from_secs(20));
    assert!(builder.clone().connect().await.unwrap_err().to_string().contains("migrate"));
    builder.migrate().await.unwrap();
    let store = builder.connect().await.unwrap();
    assert!(matches!(store.begin(&mine, None).await.unwrap(), Begun::Completed(_)));
    assert!(matches!(store.begin(&claim(), None).await.unwrap(), Begun::Open { .. }));
}
