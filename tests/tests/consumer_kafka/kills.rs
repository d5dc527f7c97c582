//! A thousand messages, and consumers that are killed at random.

use idem_tests::until;
use rand::RngExt as _;

use crate::broker::{Broker, payment};
use crate::process::{Consumer, Ledger};

const MESSAGES: usize = 1_000;
const ROUNDS: usize = 6;

/// `IDEM_SEED=NUMBER` draws the same again.
#[tokio::test]
async fn a_thousand_messages_are_booked_once_each() {
    let mut random = idem_tests::random::drawn();
    let (broker, ledger) = (Broker::start(8), Ledger::new());
    let start = || Consumer::start(&broker, &ledger, &["--lanes", "4", "--in-hand", "32"]);
    let mut consumers = [start(), start()];
    let mut records = (0..MESSAGES)
        .map(|number| payment(&format!("m-{number}"), &format!("{}", number % 50), 1 + number as i64 / 50));
    let (mut delivered, mut kills) = (0, 0);
    // So many are sent and some of them booked before the next kill; the others are in hand, or wait.
    let some = MESSAGES / ROUNDS;
    for round in 0..ROUNDS {
        broker.send(&records.by_ref().take(some).collect::<Vec<_>>()).await;
        let booked = round * some + random.random_range(1..some);
        until("some are booked", async || (ledger.bookings().await.len() >= booked).then_some(())).await;
        // One at least, and sometimes the other with it.
        let (one, both) = (random.random_range(0..consumers.len()), random.random_bool(0.3));
        for (number, consumer) in consumers.iter_mut().enumerate() {
            if both || number == one {
                consumer.kill();
                delivered += consumer.keys("booked").len() + consumer.keys("seen before").len();
                *consumer = start();
                kills += 1;
            }
        }
    }
    broker.send(&records.collect::<Vec<_>>()).await;
    broker.all_committed().await;
    for consumer in &mut consumers {
        consumer.stop().await;
        delivered += consumer.keys("booked").len() + consumer.keys("seen before").len();
    }
    eprintln!("{kills} kills, {delivered} deliveries that came to an end, {MESSAGES} messages");
    ledger.has_once((0..MESSAGES).map(|number| format!("m-{number}"))).await;
    for (account, cents) in ledger.by_account().await {
        assert_eq!(cents, (1..=20).collect::<Vec<_>>(), "{account}");
    }
    assert_eq!(broker.dead_letters().await, []);
}
