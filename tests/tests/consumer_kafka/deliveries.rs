//! Messages that are delivered more than once, and booked once.

use std::collections::BTreeSet;

use consumer::books::BOOK;
use consumer::{Payment, Receipt};
use idem_runtime::rusqlite;
use idem_runtime::store::SqliteError;
use idem_runtime::{Idempotency, JobError, SqliteTransactions};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use tokio::sync::oneshot;

use crate::broker::{Broker, TOPIC, payment};
use crate::process::{Consumer, Ledger, key};

fn ids(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("m-{number}")).collect()
}

/// Side by side, because most of their time is what the mock gives a group to gather.
#[tokio::test]
async fn a_partition_that_goes_to_another_consumer_is_booked_once() {
    tokio::join!(
        a_rebalance_delivers_twice_what_is_done_and_not_committed(),
        what_is_in_progress_elsewhere_is_waited_for(),
    );
}

/// The first consumer has booked all there is, and none of its commits goes through, when the second one takes over half of
/// the partitions, and then the rest.
async fn a_rebalance_delivers_twice_what_is_done_and_not_committed() {
    let (broker, ledger) = (Broker::start(4), Ledger::new());
    let refused = RDKafkaRespErr::RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS;
    broker.mock.request_errors(RDKafkaApiKey::OffsetCommit, &[refused; 1_000]);
    let records: Vec<_> = ids(16).iter().map(|id| payment(id, id, 1)).collect();
    broker.send(&records).await;
    let first = Consumer::start(&broker, &ledger, &[]);
    first.says("booked", 16).await;
    first.says("not committed", 1).await;
    let mut second = Consumer::start(&broker, &ledger, &[]);
    first.says("given up", 2).await;
    second.says("seen before", 1).await;
    assert_eq!((broker.committed().await, first.keys("booked").len()), (vec![-1; 4], 16));
    ledger.has_once(ids(16)).await;
    drop(first);
    broker.mock.clear_request_errors(RDKafkaApiKey::OffsetCommit);
    broker.all_committed().await;
    second.stop().await;
    // 32 deliveries, 16 bookings.
    let again: BTreeSet<_> = second.keys("seen before").into_iter().collect();
    assert_eq!(again, ids(16).iter().map(key).collect());
    assert!(second.keys("booked").is_empty());
    ledger.has_once(ids(16)).await;
}

/// Whoever had the partition before is at it still: here it is this process, which books as the consumer does.
async fn what_is_in_progress_elsewhere_is_waited_for() {
    let (broker, ledger) = (Broker::start(1), Ledger::new());
    let idempotency = Idempotency::new(ledger.store().clone());
    let paid = Payment { account: "ann".into(), cents: 5 };
    let mut consumer = Consumer::start(&broker, &ledger, &[]);
    consumer.says("assigned", 1).await;
    let (begun, has_begun) = oneshot::channel();
    let (go_on, gone_on) = oneshot::channel::<()>();
    let elsewhere = tokio::spawn(async move {
        let transactions: SqliteTransactions = idempotency.transactions().unwrap();
        let call = BOOK.key("a").scope(TOPIC).fingerprint(&paid);
        let booked = transactions.run(call, async move |mut tx| {
            begun.send(()).unwrap();
            gone_on.await.unwrap();
            tx.call(|db: &rusqlite::Connection| {
                let add =
                    "INSERT INTO bookings (scope, message, account, cents, balance) VALUES (?1, 'a', 'ann', 5, 5)";
                db.execute(add, [TOPIC])?;
                Ok(Receipt { booking: db.last_insert_rowid(), balance: 5 })
            })
            .await
        });
        booked.await.map_err(|error: JobError<SqliteError>| error)
    });
    has_begun.await.unwrap();
    broker.send(&[payment("a", "ann", 5), payment("b", "ann", 6), payment("c", "cid", 7)]).await;
    consumer.says("not now", 2).await;
    // Another account's goes on, and is not committed past it.
    consumer.says("booked", 1).await;
    assert_eq!((consumer.keys("booked"), broker.committed().await), (vec![key("c")], vec![-1]));
    go_on.send(()).unwrap();
    elsewhere.await.unwrap().unwrap();
    broker.all_committed().await;
    consumer.stop().await;
    assert_eq!((consumer.keys("seen before"), consumer.keys("booked")), (vec![key("a")], vec![key("c"), key("b")]));
    ledger.has_once(["a", "b", "c"].map(str::to_owned)).await;
    assert_eq!(broker.dead_letters().await, []);
}

/// An earlier release has recorded something else than a receipt.
#[tokio::test]
async fn a_record_that_cannot_be_read_any_more_is_put_aside_and_not_booked_again() {
    let (broker, ledger) = (Broker::start(1), Ledger::new());
    let idempotency = Idempotency::new(ledger.store().clone());
    let paid = Payment { account: "ann".into(), cents: 5 };
    let call = BOOK.key("old").scope(TOPIC).fingerprint(&paid);
    let earlier = async { Ok::<_, std::convert::Infallible>("booking 1 of an earlier release".to_owned()) };
    idempotency.run(call, earlier).await.unwrap();
    broker.send(&[payment("old", "ann", 5), payment("new", "ann", 6)]).await;
    let mut consumer = Consumer::start(&broker, &ledger, &[]);
    broker.all_committed().await;
    consumer.stop().await;
    ledger.has_once(["new".to_owned()]).await;
    let letters = broker.dead_letters().await;
    let [letter] = &letters[..] else { panic!("{letters:?}") };
    assert_eq!((letter.id.as_deref(), &*letter.reason), (Some("old"), "unreadable_record"));
}
