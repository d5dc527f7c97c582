//! The broker goes away, the store goes away.

use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use crate::broker::{Broker, payment};
use crate::process::{Consumer, Ledger};

#[tokio::test]
async fn a_broker_that_goes_away_in_a_commit_delivers_again_and_nothing_is_booked_twice() {
    let (broker, ledger) = (Broker::start(2), Ledger::new());
    let records: Vec<_> = (0..20).map(|number| payment(&format!("m-{number}"), &format!("{number}"), 1)).collect();
    let mut consumer = Consumer::start(&broker, &ledger, &[]);
    consumer.says("assigned", 2).await;
    // Each commit's answer is a closed connection, and then there is no broker at all.
    broker.mock.request_errors(RDKafkaApiKey::OffsetCommit, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR__TRANSPORT; 100]);
    broker.send(&records).await;
    consumer.says("booked", 20).await;
    broker.mock.broker_down(-1).unwrap();
    consumer.says("is_lost=true", 2).await;
    broker.mock.clear_request_errors(RDKafkaApiKey::OffsetCommit);
    broker.mock.broker_up(-1).unwrap();
    broker.all_committed().await;
    consumer.stop().await;
    assert!(!consumer.keys("seen before").is_empty());
    ledger.has_once(records.into_iter().map(|record| record.ids[0].clone())).await;
    assert_eq!(broker.dead_letters().await, []);
}

#[tokio::test]
async fn a_consumer_ends_although_there_is_no_broker() {
    let (broker, ledger) = (Broker::start(1), Ledger::new());
    let mut consumer = Consumer::start(&broker, &ledger, &[]);
    consumer.says("assigned", 1).await;
    broker.mock.request_errors(RDKafkaApiKey::OffsetCommit, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR__TRANSPORT; 100]);
    broker.send(&[payment("a", "ann", 1)]).await;
    consumer.says("booked", 1).await;
    broker.mock.broker_down(-1).unwrap();
    consumer.stop().await;
    assert_eq!(consumer.said("Kafka does not answer").len(), 1);
}

/// Somebody else has the file's lock.
#[tokio::test]
async fn while_the_store_is_away_the_partition_is_paused_and_nothing_is_skipped() {
    let (broker, ledger) = (Broker::start(1), Ledger::new());
    let mut consumer = Consumer::start(&broker, &ledger, &["--max-failures", "1"]);
    consumer.says("assigned", 1).await;
    let lock = ledger.connection();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    broker.send(&[payment("m-0", "ann", 1)]).await;
    consumer.says("the store is away", 1).await;
    let rest: Vec<_> = (1..50).map(|number| payment(&format!("m-{number}"), "ann", number + 1)).collect();
    broker.send(&rest).await;
    // For longer than a session without a sign of life could last.
    consumer.says("not now", 5).await;
    assert_eq!((broker.committed().await, consumer.said("booked").len()), (vec![-1], 0));
    lock.execute_batch("ROLLBACK").unwrap();
    broker.all_committed().await;
    consumer.stop().await;
    assert_eq!(ledger.by_account().await["ann"], (1..=50).collect::<Vec<_>>());
    assert_eq!((broker.dead_letters().await, consumer.said("assigned").len()), (vec![], 1));
}
