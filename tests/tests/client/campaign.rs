//! Ten thousand operations, through a server that spoils tries in every way, and a shop that is killed again and again.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use client::front::{Fate, Front, Weather};
use client::shop::Order;
use idem_client::reqwest_middleware::ClientWithMiddleware;
use idem_client::{Outcome, Retry, Stopped};
use idem_tests::process::{Program, built};
use idem_tests::{soon, until};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::page;

pub(crate) const OPERATIONS: usize = 10_000;
pub(crate) const RESTARTS: usize = 4;
/// The page says what came of this one.
const SEED: u64 = 1;
/// How many operations are under way at a time.
const AT_A_TIME: usize = 64;
/// An operation meets no more.
const MOST_FAULTS: usize = 8;

/// The ways in which a try is spoiled, and how often in a thousand tries.
pub(crate) const FAULTS: [(Fate, &str, u32); 10] = [
    (Fate::IsCut, "the connection is closed, before the effect", 60),
    (Fate::IsReset, "the connection is reset, before the effect", 60),
    (Fate::LosesItsAnswer, "the connection is closed, after the effect", 70),
    (Fate::BreaksOff, "the answer breaks off in the middle, after the effect", 60),
    (Fate::Stalls, "nothing is ever answered, before the effect", 5),
    (Fate::StallsAfter, "nothing is ever answered, after the effect", 5),
    (Fate::IsRefused(503, None), "503", 50),
    (Fate::IsRefused(503, Some("0")), "503, `Retry-After: 0`", 30),
    (Fate::IsRefused(429, Some("Sun, 06 Nov 1994 08:49:37 GMT")), "429, `Retry-After` in the past", 30),
    (Fate::IsRefused(429, Some("1")), "429, `Retry-After: 1`", 10),
];

/// How many tries in a thousand are late, and pass.
pub(crate) const LATE: u32 = 50;

/// What each operation meets, try by try.
pub(crate) struct Storm {
    fates: Vec<Vec<Fate>>,
    met: Vec<AtomicUsize>,
    spoiled: Vec<AtomicUsize>,
}

impl Storm {
    pub(crate) fn new() -> Self {
        let mut random = StdRng::seed_from_u64(SEED);
        let counters = || (0..OPERATIONS).map(|_| AtomicUsize::new(0)).collect();
        let fates = (0..OPERATIONS).map(|_| fates(&mut random)).collect();
        Self { fates, met: counters(), spoiled: counters() }
    }

    /// How many tries of an operation are spoiled by what it meets.
    pub(crate) fn faults(&self, operation: usize) -> usize {
        self.fates[operation].iter().filter(|fate| is_fault(fate)).count()
    }

    /// How often a fault is met by all operations together.
    pub(crate) fn count(&self, fault: &Fate) -> usize {
        self.fates.iter().flatten().filter(|fate| *fate == fault).count()
    }

    fn operation(target: &str) -> usize {
        target.rsplit('=').next().unwrap().parse().unwrap()
    }
}

fn is_fault(fate: &Fate) -> bool {
    !matches!(fate, Fate::Passes | Fate::IsLate(_))
}

/// Faults, until a try passes.
fn fates(random: &mut StdRng) -> Vec<Fate> {
    let mut fates = Vec::new();
    while fates.len() < MOST_FAULTS {
        let mut drawn = random.random_range(0..1000_u32);
        let fault = FAULTS.iter().find(|(_, _, share)| match drawn.checked_sub(*share) {
            None => true,
            Some(rest) => {
                drawn = rest;
                false
            }
        });
        match fault {
            Some((fate, ..)) => fates.push(fate.clone()),
            None => {
                if drawn < LATE {
                    fates.push(Fate::IsLate(Duration::from_millis(random.random_range(1..50))));
                }
                break;
            }
        }
    }
    fates
}

impl Weather for Storm {
    fn fate(&self, target: &str) -> Fate {
        let operation = Self::operation(target);
        let number = self.met[operation].fetch_add(1, SeqCst);
        self.fates[operation].get(number).cloned().unwrap_or(Fate::Passes)
    }

    fn spoiled(&self, target: &str) {
        self.spoiled[Self::operation(target)].fetch_add(1, SeqCst);
    }
}

/// What the client was told.
struct Answered {
    order: Order,
    attempts: usize,
    is_replay: bool,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_has_one_effect_and_its_answer() {
    let folder = TempDir::new().unwrap();
    let store = format!("sqlite:{}", folder.path().join("shop.db").display());
    let start =
        async |listen: &str| Program::start(&built("client"), &["shop", "--listen", listen, "--store", &store]).await;
    let mut shop = start("127.0.0.1:0").await;
    let address = shop.address.to_string();
    let storm = Arc::new(Storm::new());
    let front = Front::start(shop.address, Arc::clone(&storm)).await.unwrap();
    let client = Retry::builder()
        .backoff(Duration::from_millis(10), Duration::from_millis(200))
        .try_timeout(Duration::from_secs(3))
        .max_attempts(100)
        .build()
        .client(reqwest::Client::builder())
        .unwrap();

    let (next, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut workers = JoinSet::new();
    for _ in 0..AT_A_TIME {
        let (client, url) = (client.clone(), format!("http://{}/v1/orders", front.address()));
        let (next, done) = (Arc::clone(&next), Arc::clone(&done));
        workers.spawn(async move {
            let mut answered = HashMap::new();
            loop {
                let operation = next.fetch_add(1, SeqCst);
                if operation >= OPERATIONS {
                    return answered;
                }
                answered.insert(operation, order(&client, &url, operation).await);
                done.fetch_add(1, SeqCst);
            }
        });
    }
    for restart in 1..=RESTARTS {
        let due = OPERATIONS * restart / (RESTARTS + 1);
        until("the next restart", async || (done.load(SeqCst) >= due).then_some(())).await;
        shop.kill();
        shop = start(&address).await;
    }
    let answered: HashMap<_, _> =
        soon("every operation's end", workers.join_all()).await.into_iter().flatten().collect();

    let list = reqwest::get(format!("http://{address}/v1/orders")).await.unwrap();
    let orders: Vec<Order> = list.json().await.unwrap();
    assert_eq!((orders.len(), answered.len()), (OPERATIONS, OPERATIONS));
    let orders: HashMap<_, _> = orders.into_iter().map(|order| (order.id, order.item)).collect();
    let mut replays = 0;
    for (operation, Answered { order, attempts, is_replay }) in &answered {
        // Its own, and the one that the shop has: each number there is once, and each item was asked for once.
        assert_eq!(order.item, format!("item {operation}"));
        assert_eq!(orders.get(&order.id), Some(&order.item), "{operation}");
        // Not one try more than were spoiled.
        let spoiled = storm.faults(*operation) + storm.spoiled[*operation].load(SeqCst);
        assert_eq!(*attempts, spoiled + 1, "{operation}: {:?}", storm.fates[*operation]);
        replays += usize::from(*is_replay);
    }
    let by_restarts: usize = storm.spoiled.iter().map(|spoiled| spoiled.load(SeqCst)).sum();
    show(format_args!("{replays} answers were replays, {by_restarts} tries were spoiled by restarts"));
    assert!(replays > OPERATIONS / 20 && by_restarts > 0, "{replays} {by_restarts}");
    page::check(&storm);
}

async fn order(client: &ClientWithMiddleware, url: &str, operation: usize) -> Answered {
    let request = client.post(format!("{url}?operation={operation}")).header("content-type", "application/json");
    let response = request.body(format!(r#"{{"item":"item {operation}"}}"#)).send().await.unwrap();
    let outcome = Outcome::of(&response).unwrap().clone();
    assert_eq!((response.status().as_u16(), outcome.stopped()), (201, Stopped::Final), "{operation}");
    let order = response.json().await.unwrap();
    Answered { order, attempts: outcome.attempts() as usize, is_replay: outcome.is_replay() }
}

#[allow(clippy::print_stdout, reason = "shown when the test fails, or is asked to tell")]
fn show(what: std::fmt::Arguments<'_>) {
    println!("{what}");
}
