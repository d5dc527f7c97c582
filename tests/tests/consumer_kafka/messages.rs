//! What becomes of each message.

use idem_tests::until;

use crate::broker::{Broker, Letter, Record, TOPIC, payment};
use crate::process::{Consumer, Ledger, key};

fn letter(records: &[Record], offset: usize, reason: &str) -> Letter {
    let Record { ids, key, content } = records[offset].clone();
    let from = (TOPIC.to_owned(), 0, i64::try_from(offset).unwrap());
    Letter { id: ids.first().cloned(), reason: reason.to_owned(), from, key, content }
}

#[tokio::test]
async fn in_a_batch_each_message_is_on_its_own() {
    let (broker, ledger) = (Broker::start(1), Ledger::new());
    let without_id = Record { ids: vec![], ..payment("", "ann", 2) };
    let two_ids = Record { ids: vec!["two".into(), "ids".into()], ..payment("", "ann", 3) };
    let garbage = Record { ids: vec!["garbage".into()], key: Some("ann".into()), content: Some("{".into()) };
    let tombstone = Record { ids: vec!["tombstone".into()], key: Some("ann".into()), content: None };
    let records = [
        payment("a", "ann", 1),
        without_id,
        two_ids,
        garbage,
        payment("", "ann", 4),
        payment("a", "ann", 1),
        payment("a", "ann", 5),
        tombstone,
        payment("uncovered", "bob", -6),
        payment("b", "bob", 7),
        payment("c", "cid", 8),
    ];
    broker.send(&records).await;
    let mut consumer = Consumer::start(&broker, &ledger, &["--max-failures", "2"]);
    broker.all_committed().await;
    consumer.stop().await;
    ledger.has_once(["a", "b", "c"].map(str::to_owned)).await;
    let mut letters = broker.dead_letters().await;
    letters.sort_by_key(|letter| letter.from.2);
    let expected = [
        letter(&records, 1, "missing_key"),
        letter(&records, 2, "missing_key"),
        letter(&records, 3, "malformed"),
        letter(&records, 4, "invalid_key"),
        letter(&records, 6, "key_reused"),
        letter(&records, 7, "malformed"),
        letter(&records, 8, "failed"),
    ];
    assert_eq!(letters, expected);
    assert_eq!(consumer.keys("seen before"), [key("a")]);
}

#[tokio::test]
async fn messages_of_one_key_are_booked_in_their_order_while_partitions_move() {
    let (broker, ledger) = (Broker::start(4), Ledger::new());
    let records: Vec<_> = (1..=40)
        .flat_map(|number| {
            (0..10).map(move |account| payment(&format!("{account}-{number}"), &format!("{account}"), number))
        })
        .collect();
    let mut first = Consumer::start(&broker, &ledger, &[]);
    first.says("assigned", 4).await;
    let mut second = Consumer::start(&broker, &ledger, &[]);
    // They go on coming, two by two, while half of the partitions move.
    let (moving, after) = records.split_at(300);
    let mut moving = moving.chunks(2).enumerate();
    while second.said("assigned").is_empty() {
        let Some((number, two)) = moving.next() else {
            second.says("assigned", 1).await;
            break;
        };
        broker.send(two).await;
        until("they are booked", async || (ledger.bookings().await.len() == 2 * number + 2).then_some(())).await;
    }
    broker.send(&moving.flat_map(|(_, two)| two).cloned().collect::<Vec<_>>()).await;
    broker.send(after).await;
    broker.all_committed().await;
    for consumer in [&mut first, &mut second] {
        assert!(!consumer.said("booked").is_empty());
        consumer.stop().await;
    }
    for (account, cents) in ledger.by_account().await {
        assert_eq!(cents, (1..=40).collect::<Vec<_>>(), "{account}");
    }
    ledger.has_once(records.into_iter().map(|record| record.ids[0].clone())).await;
    assert_eq!(broker.dead_letters().await, []);
}
