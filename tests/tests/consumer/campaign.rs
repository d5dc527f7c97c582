//! A thousand messages, and consumers that are killed at random.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

use consumer::message::Outgoing;
use idem_tests::until;
use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;

use super::bed::{Bed, pay};
use super::process::Consumer;

const MESSAGES: usize = 1_000;
const ACCOUNTS: usize = 25;
const SENT_TWICE: usize = 50;
const POISON: usize = 10;
const KILLS: usize = 24;

/// What consumers said that are no more.
#[derive(Default)]
struct Said {
    kills: usize,
    seen_before: usize,
    delivered_again: usize,
}

impl Said {
    fn of(&mut self, said: &str) {
        self.seen_before += said.lines().filter(|line| line.contains("seen before")).count();
        self.delivered_again += said.lines().filter(|line| line.contains("delivered again")).count();
    }
}

async fn consumers_are_killed_and_each_message_is_booked_once(bed: Bed) {
    let mut random = idem_tests::random::drawn();
    let wanted: BTreeMap<String, i64> =
        (0..MESSAGES).map(|number| (format!("m-{number:04}"), random.random_range(1..10_000))).collect();
    bed.publish_with(&messages(&wanted, &mut random), 1_000).await;

    let mut said = Said::default();
    let mut names = 0;
    let mut start = |name: Option<String>| {
        names += 1;
        let name = name.unwrap_or_else(|| format!("consumer-{names}"));
        // Long enough for a kill to find some that are booked, and not acknowledged.
        let options = ["--max-deliveries", "1000", "--pause-before-ack", "10ms"];
        let few = if bed.is_redis() { ["--batch", "20"] } else { ["--prefetch", "20"] };
        (bed.start(&name, &[&options[..], &few].concat()), name)
    };
    let mut consumers: Vec<(Consumer, String)> = (0..3).map(|_| start(None)).collect();
    // Spread over the bookings, and not over the time.
    let mut marks: Vec<usize> = (0..KILLS).map(|_| random.random_range(1..MESSAGES)).collect();
    marks.sort_unstable();
    for mark in marks {
        until("bookings", async || (bed.count() >= mark).then_some(())).await;
        let (killed, name) = consumers.swap_remove(random.random_range(0..consumers.len()));
        said.of(&killed.kill());
        said.kills += 1;
        // As a new one, or as the one that was killed.
        consumers.push(start(random.random_bool(0.5).then_some(name)));
    }
    until("all bookings", async || (bed.count() >= MESSAGES).then_some(())).await;
    for (consumer, _) in consumers {
        // Before that, a signal would just end it.
        consumer.says("consuming").await;
        consumer.signal("TERM");
        said.of(&consumer.ends_well().await);
    }
    // What they had in hand, and had not begun, is delivered once more.
    let all = async || (bed.waiting().await == 0 && bed.dead_count().await > POISON).then_some(());
    loop {
        let (last, _) = start(None);
        last.says("consuming").await;
        until("the end of all messages", all).await;
        last.signal("TERM");
        said.of(&last.ends_well().await);
        if all().await.is_some() {
            break;
        }
    }

    let booked = bed.booked();
    let by_message: BTreeMap<String, i64> =
        booked.iter().map(|booked| (booked.message.clone(), booked.cents)).collect();
    assert_eq!(booked.len(), MESSAGES, "each once");
    assert_eq!(by_message, wanted, "and all of them");
    let mut held: BTreeMap<&str, i64> = BTreeMap::new();
    for booked in &booked {
        let balance = held.entry(&booked.account).or_default();
        *balance += booked.cents;
        assert_eq!(booked.balance, *balance, "one after the other");
    }
    // A consumer that died between the two is allowed to have put one aside twice.
    let dead: BTreeSet<_> = bed.dead().await.into_iter().collect();
    let poison = |number| (Some(format!("poison-{number}")), "malformed".to_owned());
    let expected: BTreeSet<_> = (0..POISON).map(poison).chain([(None, "missing_key".to_owned())]).collect();
    assert_eq!(dead, expected);
    let Said { kills, seen_before, delivered_again } = said;
    assert!(
        seen_before > SENT_TWICE && delivered_again > 0,
        "{seen_before}, {delivered_again}: no kill has hit anything"
    );
    show(format_args!(
        "{MESSAGES} messages ({SENT_TWICE} sent twice, {} poison): {kills} consumers killed, {seen_before} seen before, \
         {delivered_again} delivered again, {} booked",
        POISON + 1,
        booked.len()
    ));
}

/// In any order: those that are sent twice, and the poison, are anywhere.
fn messages(wanted: &BTreeMap<String, i64>, random: &mut StdRng) -> Vec<Outgoing> {
    let good =
        |(number, (id, cents)): (usize, (&String, &i64))| pay(id, &format!("account-{}", number % ACCOUNTS), *cents);
    let mut messages: Vec<Outgoing> = wanted.iter().enumerate().map(good).collect();
    let twice: Vec<Outgoing> = messages.iter().step_by(MESSAGES / SENT_TWICE).cloned().collect();
    messages.extend(twice);
    messages.extend(
        (0..POISON)
            .map(|number| Outgoing { id: Some(format!("poison-{number}")), content: r#"{"account":["#.to_owned() }),
    );
    messages.push(Outgoing { id: None, content: pay("-", "account-0", 1).content });
    messages.shuffle(random);
    messages
}

fn show(line: std::fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

with_each_broker! {
    consumers_are_killed_and_each_message_is_booked_once
}
