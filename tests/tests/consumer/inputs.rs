//! What producers get wrong, and releases, and what is in order.

use consumer::message::Outgoing;
use consumer::{NotBooked, Payment};
use idem_runtime::rusqlite::Connection;
use idem_runtime::{Idempotency, JobError, SqliteStore, SqliteTransactions};

use super::bed::{Bed, pay};

/// All in one batch: each is judged for itself, and the good ones are booked.
async fn what_is_wrong_is_put_aside_and_all_else_is_booked(bed: Bed) {
    let good = |number: i64| pay(&format!("good-{number}"), "ann", number);
    let content = pay("-", "ann", 100).content;
    let malformed = Outgoing { id: Some("malformed".into()), content: "{\"account\":".into() };
    let messages = [
        good(1),
        Outgoing { id: None, content: content.clone() },
        Outgoing { id: Some(String::new()), content },
        good(2),
        malformed,
        pay("good-1", "ann", 987_654_321),
        pay("uncovered", "bob", -1),
        // Sent again by its producer.
        good(2),
        good(3),
    ];
    bed.publish(&messages).await;
    let said = bed.start("consumer-1", &["--stop-after", "9", "--max-failures", "2"]).ends_well().await;
    let balances: Vec<_> = bed.booked().into_iter().map(|booked| (booked.message, booked.balance)).collect();
    assert_eq!(balances, [("good-1".into(), 1), ("good-2".into(), 3), ("good-3".into(), 6)]);
    let dead = bed.dead().await;
    let mut expected = vec![
        (None, "missing_key".to_owned()),
        (Some(String::new()), "invalid_key".into()),
        (Some("good-1".into()), "key_reused".into()),
        (Some("malformed".into()), "malformed".into()),
        (Some("uncovered".into()), "failed".into()),
    ];
    expected.sort();
    assert_eq!(dead, expected, "{said}");
    assert_eq!(said.lines().filter(|line| line.contains("seen before")).count(), 1, "{said}");
    assert_eq!(bed.waiting().await, 0);
    assert!(!said.contains("987654321") && !said.contains("account\\\""), "no content: {said}");
}

/// Whoever knows an id can send in its name: the log has a digest of it, the same as the spans of the guard.
async fn b40_no_id_and_no_account_is_written_down(bed: Bed) {
    let account = "canary-account";
    bed.publish(&[pay("canary-1", account, 5)]).await;
    let first = bed.start("consumer-1", &["--pause-before-ack", "1h"]);
    first.says("not acknowledged yet").await;
    let mut said = first.kill();
    bed.until_nobody_consumes().await;
    bed.publish(&[
        pay("canary-1", account, 6),
        pay("canary-2", account, -1_000),
        Outgoing { id: Some("canary-3".into()), content: "{\"account\":\"canary-account\"}".into() },
    ])
    .await;
    said += &bed.start("consumer-1", &["--stop-after", "4", "--max-failures", "2"]).ends_well().await;
    for what in ["booked", "delivered again", "seen before", "key_reused", "malformed", "it is tried again"] {
        assert!(said.contains(what), "{what}: {said}");
    }
    assert!(!said.contains("canary") && !said.contains("balance"), "{said}");
    let key = format!("key=\"{}\"", bed.key("canary-1"));
    assert!(said.lines().any(|line| line.contains("booked") && line.contains(&key)), "{key}: {said}");
}

/// An earlier release recorded a receipt of another shape.
async fn a_receipt_that_cannot_be_read_any_more_is_put_aside_and_its_message_is_not_run_again(bed: Bed) {
    let payment = Payment { account: "ann".into(), cents: 5 };
    let store = SqliteStore::open(bed.ledger()).unwrap();
    let earlier: SqliteTransactions = Idempotency::new(store).transactions().unwrap();
    let run = async || {
        let call = consumer::books::BOOK.key("p-1").scope(&*bed.queue).fingerprint(&payment);
        let done: Result<_, JobError<NotBooked>> =
            earlier.run(call, async |_| Ok("booking 1 of an earlier release".to_owned())).await;
        done.unwrap()
    };
    assert!(!run().await.is_replayed());
    bed.publish(&[pay("p-1", "ann", 5), pay("p-2", "ann", 5)]).await;
    let said = bed.start("consumer-1", &["--stop-after", "2"]).ends_well().await;
    assert_eq!(bed.ids(), ["p-2"]);
    assert_eq!(bed.dead().await, [(Some("p-1".into()), "unreadable_record".into())]);
    let loud = said.lines().any(|line| line.contains("ERROR") && line.contains("unreadable_record"));
    assert!(loud && !said.contains("earlier release"), "{said}");
    assert!(run().await.is_replayed(), "the record is there for a release that can read it");
}

/// A ledger that somebody else has locked is a store that is away.
async fn while_the_store_is_away_nothing_is_put_aside_and_nothing_lost(bed: Bed) {
    bed.publish(&[pay("before", "ann", 1)]).await;
    let consumer = bed.start("consumer-1", &["--stop-after", "31", "--max-failures", "1"]);
    consumer.says("booked").await;
    let lock = Connection::open(bed.ledger()).unwrap();
    lock.busy_timeout(idem_tests::PATIENCE).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let messages: Vec<_> = (0..30).map(|number| pay(&format!("m-{number:02}"), "ann", 1)).collect();
    bed.publish(&messages).await;
    consumer.says("no new messages are taken in").await;
    lock.execute_batch("COMMIT").unwrap();
    let said = consumer.ends_well().await;
    assert!(said.contains("messages are taken in again"), "{said}");
    let expected = std::iter::once("before".into()).chain((0..30).map(|number| format!("m-{number:02}")));
    assert_eq!(bed.ids(), expected.collect::<Vec<_>>());
    assert_eq!((bed.dead().await, bed.waiting().await), (vec![], 0));
}

async fn messages_of_one_account_are_booked_in_their_order(bed: Bed) {
    const ACCOUNTS: usize = 20;
    let account = |number: usize| format!("account-{}", number % ACCOUNTS);
    let messages: Vec<_> = (0..400).map(|number| pay(&format!("m-{number:03}"), &account(number), 1)).collect();
    bed.publish(&messages).await;
    bed.start("consumer-1", &["--stop-after", "400"]).ends_well().await;
    let booked = bed.booked();
    assert_eq!(booked.len(), 400);
    for number in 0..ACCOUNTS {
        let of_account: Vec<_> = booked.iter().filter(|booked| booked.account == account(number)).collect();
        assert!(of_account.is_sorted_by_key(|booked| &booked.message), "{of_account:?}");
    }
}

with_each_broker! {
    what_is_wrong_is_put_aside_and_all_else_is_booked
    b40_no_id_and_no_account_is_written_down
    a_receipt_that_cannot_be_read_any_more_is_put_aside_and_its_message_is_not_run_again
    while_the_store_is_away_nothing_is_put_aside_and_nothing_lost
    messages_of_one_account_are_booked_in_their_order
}
