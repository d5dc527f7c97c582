//! Killed at one step after the other, with `kill -9`; another consumer takes over.

use std::collections::BTreeSet;
use std::time::Duration;

use idem_tests::outside::Outside;
use idem_tests::until;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use crate::broker::{Broker, Record, payment};
use crate::process::{Consumer, Ledger, key};

/// Side by side, because most of their time is what the mock gives a group to gather.
#[tokio::test]
async fn killed_at_each_step_and_booked_once() {
    tokio::join!(
        delivered_and_not_claimed(),
        claimed_and_not_booked(),
        booked_and_not_committed(),
        committing(),
        put_aside_and_not_committed(),
    );
}

async fn taken_over(broker: &Broker, ledger: &Ledger) -> Consumer {
    let mut second = Consumer::start(broker, ledger, &[]);
    broker.all_committed().await;
    second.stop().await;
    second
}

async fn delivered_and_not_claimed() {
    let (broker, ledger) = (Broker::start(1), Ledger::new());
    broker.send(&[payment("a", "ann", 1)]).await;
    let lock = ledger.connection();
    let mut first = Consumer::start(&broker, &ledger, &[]);
    first.says("assigned", 1).await;
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    first.kill();
    lock.execute_batch("ROLLBACK").unwrap();
    taken_over(&broker, &ledger).await;
    ledger.has_once(["a".to_owned()]).await;
}

/// The claims are in the file, and their effects are not.
async fn claimed_and_not_booked() {
    let (broker, ledger, outside) = (Broker::start(1), Ledger::new(), Outside::new().await);
    let ids: Vec<_> = (0..200).map(|number| format!("m-{number}")).collect();
    broker.send(&ids.iter().map(|id| payment(id, id, 1)).collect::<Vec<_>>()).await;
    let options = ["--stop-at", "after-claim", "--lanes", "4", "--lease", "3600"];
    let mut first = Consumer::gated(&broker, &ledger, &outside, &options);
    let mut stopped = Vec::new();
    while stopped.len() < 2 {
        stopped.push(outside.next_at("after-claim").await);
    }
    first.kill();
    let lock = ledger.connection();
    let held = "SELECT count(*) FROM idem_records WHERE state = 'held'";
    let held = usize::try_from(lock.query_row(held, (), |row| row.get::<_, i64>(0)).unwrap()).unwrap();
    assert!(held >= stopped.len(), "{held}");
    let mut second = Consumer::start(&broker, &ledger, &[]);
    until("each claim is waited for", async || {
        let waiting: BTreeSet<_> = second.keys("not now").into_iter().collect();
        (waiting.len() >= held).then_some(())
    })
    .await;
    // An hour later.
    lock.execute("UPDATE idem_records SET lease_until = 0 WHERE state = 'held'", ()).unwrap();
    broker.all_committed().await;
    second.stop().await;
    ledger.has_once(ids).await;
}

async fn booked_and_not_committed() {
    let (broker, ledger) = (Broker::start(1), Ledger::new());
    broker.send(&[payment("a", "ann", 1)]).await;
    let mut first = Consumer::start(&broker, &ledger, &["--pause-before-ack", "1h"]);
    first.says("not acknowledged yet", 1).await;
    first.kill();
    let second = taken_over(&broker, &ledger).await;
    assert_eq!((second.keys("seen before"), second.keys("booked")), (vec![key("a")], vec![]));
    ledger.has_once(["a".to_owned()]).await;
}

/// The commit is on its way, and what became of it is never heard.
async fn committing() {
    let (broker, ledger) = (Broker::start(1), Ledger::new());
    let mut first = Consumer::start(&broker, &ledger, &[]);
    first.says("assigned", 1).await;
    broker.send(&[payment("a", "ann", 1)]).await;
    broker.mock.broker_round_trip_time(-1, Duration::from_secs(1)).unwrap();
    first.says("booked", 1).await;
    first.kill();
    broker.mock.broker_round_trip_time(-1, Duration::ZERO).unwrap();
    broker.send(&[payment("b", "ann", 2)]).await;
    let second = taken_over(&broker, &ledger).await;
    assert_eq!(second.keys("booked"), [key("b")]);
    ledger.has_once(["a", "b"].map(str::to_owned)).await;
}

/// The dead letter is confirmed, and its message is not committed: it is put aside twice.
async fn put_aside_and_not_committed() {
    let (broker, ledger) = (Broker::start(1), Ledger::new());
    let mut first = Consumer::start(&broker, &ledger, &[]);
    first.says("assigned", 1).await;
    let refused = RDKafkaRespErr::RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS;
    broker.mock.request_errors(RDKafkaApiKey::OffsetCommit, &[refused; 100]);
    broker.send(&[Record { content: Some("{".into()), ..payment("a", "ann", 1) }]).await;
    first.says("not committed", 1).await;
    first.kill();
    broker.mock.clear_request_errors(RDKafkaApiKey::OffsetCommit);
    taken_over(&broker, &ledger).await;
    ledger.has_once([]).await;
    let letters = broker.dead_letters().await;
    assert_eq!(letters.len(), 2);
    assert_eq!(letters[0], letters[1]);
    assert_eq!((letters[0].id.as_deref(), &*letters[0].reason), (Some("a"), "malformed"));
}
