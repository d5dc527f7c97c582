//! Two processes on one file, which are killed, stopped, and kept from writing by somebody else, while clients retry until
//! they have an answer.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use idem_runtime::rusqlite::Connection;
use idem_tests::outside::Outside;
use idem_tests::process::Program;
use idem_tests::{soon, until};
use parking_lot::Mutex;
use rand::seq::SliceRandom as _;
use tempfile::TempDir;
use tokio::task::JoinSet;

const KEYS: usize = 500;

/// What clients and the storm share.
#[derive(Default)]
struct Shared {
    addresses: Mutex<Vec<SocketAddr>>,
    /// Keys to be sent, each twice.
    work: Mutex<Vec<usize>>,
    answers: Mutex<HashMap<usize, Vec<u8>>>,
    answered: AtomicUsize,
    sent: AtomicUsize,
}

impl Shared {
    async fn client(self: Arc<Self>, path: &'static str) {
        // Somebody who hangs is left for the other one.
        let client = reqwest::Client::builder().timeout(Duration::from_secs(1)).build().unwrap();
        loop {
            let next = self.work.lock().pop();
            let Some(key) = next else { return };
            let body = loop {
                let address = self.addresses.lock()[rand::random_range(0..2)];
                self.sent.fetch_add(1, Ordering::Relaxed);
                let request = client.post(format!("http://{address}{path}")).header("idempotency-key", key.to_string());
                if let Ok(answer) = request.send().await {
                    let status = answer.status().as_u16();
                    match (status, answer.bytes().await) {
                        (201, Ok(body)) => break body.to_vec(),
                        (201, Err(_)) => {}
                        _ => assert!(matches!(status, 409 | 500 | 503), "{status}"),
                    }
                }
                // As a client does.
                tokio::time::sleep(Duration::from_millis(10)).await;
            };
            let first = self.answers.lock().entry(key).or_insert_with(|| body.clone()).clone();
            assert_eq!(first, body, "a changed answer: {key}");
            self.answered.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn until_answered(&self, count: usize) {
        until("the answers", async || (self.answered.load(Ordering::Relaxed) >= count).then_some(())).await;
    }

    /// Until the clients have met what is going on.
    async fn until_sent(&self, more: usize) {
        let goal = self.sent.load(Ordering::Relaxed) + more;
        until("the requests", async || {
            let all = self.answered.load(Ordering::Relaxed) >= 2 * KEYS;
            (all || self.sent.load(Ordering::Relaxed) >= goal).then_some(())
        })
        .await;
    }
}

/// Gives the effects there were, by key, and each one's attempt if it is known.
async fn storm(path: &'static str, effects: impl Fn(&Outside, &Path) -> Vec<String>) -> HashMap<String, Vec<String>> {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("store.db");
    let other = Connection::open(&file).unwrap();
    other.busy_timeout(Duration::from_secs(30)).unwrap();
    other.execute_batch("CREATE TABLE charges (note TEXT NOT NULL)").unwrap();
    let (outside, url) = (Arc::new(Outside::new().await), format!("sqlite:{}", file.display()));
    let start = async || -> Program { outside.server_on(&url).await };
    let mut servers = [start().await, start().await];
    let shared = Arc::new(Shared::default());
    *shared.addresses.lock() = servers.iter().map(|server| server.address).collect();
    let mut work: Vec<usize> = (0..KEYS).chain(0..KEYS).collect();
    work.shuffle(&mut rand::rng());
    *shared.work.lock() = work;
    let passing = tokio::spawn({
        let outside = Arc::clone(&outside);
        async move {
            loop {
                drop(tokio::spawn(outside.next().await.go_on()));
            }
        }
    });
    let mut clients = JoinSet::new();
    for _ in 0..12 {
        clients.spawn(Arc::clone(&shared).client(path));
    }
    for round in 0..4 {
        shared.until_answered(2 * KEYS * (2 * round + 1) / 10).await;
        let which = round % 2;
        servers[which].kill();
        servers[which] = start().await;
        shared.addresses.lock()[which] = servers[which].address;
        shared.until_answered(2 * KEYS * (2 * round + 2) / 10).await;
        if round % 2 == 0 {
            other.execute_batch("BEGIN IMMEDIATE").unwrap();
            shared.until_sent(12).await;
            other.execute_batch("COMMIT").unwrap();
        } else {
            servers[0].signal("STOP");
            shared.until_sent(24).await;
            servers[0].signal("CONT");
        }
    }
    soon("every client's end", clients.join_all()).await;
    passing.abort();
    let mut by_key = HashMap::<String, Vec<String>>::new();
    for effect in effects(&outside, &file) {
        let (key, attempt) = effect.split_once(' ').unwrap_or((&effect, ""));
        by_key.entry(key.to_owned()).or_default().push(attempt.to_owned());
    }
    // Every answer is still there.
    let answers = shared.answers.lock().clone();
    assert_eq!(answers.len(), KEYS);
    let client = reqwest::Client::new();
    for (key, body) in answers {
        let request = client.post(format!("http://{}{path}", servers[1].address));
        let answer = request.header("idempotency-key", key.to_string()).send().await.unwrap();
        assert!(answer.headers().contains_key("idempotency-replayed"), "a lost record: {key}");
        assert_eq!(answer.bytes().await.unwrap(), body, "a changed answer: {key}");
    }
    by_key
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i2_i13_i32_claims_by_lease_in_a_storm() {
    let effects = storm("/pay", |outside, _| outside.effects()).await;
    assert_eq!(effects.len(), KEYS);
    // No more than the requests that ran when one of four was killed or one of two stopped.
    assert!(effects.values().map(|attempts| attempts.len() - 1).sum::<usize>() <= 12 * 6);
    for (key, mut attempts) in effects {
        // Each owner once; a later one only where the one before it had died or was stopped past its lease.
        attempts.sort();
        let all = attempts.len();
        attempts.dedup();
        assert_eq!(attempts.len(), all, "a second execution under one claim: {key}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i45_the_records_own_transaction_in_a_storm() {
    let charged = |_: &Outside, file: &Path| {
        let db = Connection::open(file).unwrap();
        let mut notes = db.prepare("SELECT note FROM charges").unwrap();
        let notes = notes.query_map((), |row| row.get::<_, String>(0)).unwrap();
        notes.collect::<Result<Vec<_>, _>>().unwrap()
    };
    let effects = storm("/pay-exactly", charged).await;
    assert_eq!(effects.len(), KEYS);
    assert!(effects.values().all(|charges| charges.len() == 1), "exactly one effect per key");
}
