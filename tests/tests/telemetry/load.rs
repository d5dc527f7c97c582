//! A load of every kind of request, on several processes of which one is killed and one is stopped; what Prometheus has
//! scraped of it in the end, against the generator's own books.

use std::collections::BTreeMap;
use std::sync::Arc;

use idem_tests::prometheus_server::PrometheusServer;
use idem_tests::redis_server::RedisServer;
use idem_tests::server::Seen;
use idem_tests::{soon, until};
use parking_lot::Mutex;
use tokio::task::JoinSet;

use crate::server::{Metered, outcome, requests};

/// What the generator was answered, by operation and outcome.
#[derive(Clone, Default)]
struct Books(Arc<Mutex<BTreeMap<(String, String), u64>>>);

impl Books {
    fn add(&self, path: &str, outcome: &str) {
        *self.0.lock().entry((format!("POST {path}"), outcome.to_owned())).or_default() += 1;
    }

    fn of(&self, outcome: &str) -> u64 {
        self.0.lock().iter().filter(|((_, its), _)| its == outcome).map(|(_, times)| times).sum()
    }

    /// Sends it, and books what it was answered.
    async fn send(&self, server: &Metered, path: &str, key: Option<&str>, body: &str) -> String {
        let outcome = server.send(path, key, body).await;
        self.add(path, &outcome);
        outcome
    }
}

/// One client: each kind of request that ends at once.
async fn client(server: Arc<Metered>, books: Books, number: usize) {
    for turn in 0..6 {
        let key = format!("{number}-{turn}");
        let keyed = |what: &str| format!("{key}-{what}");
        assert_eq!(books.send(&server, "/pay", Some(&key), "one").await, "executed");
        for _ in 0..3 {
            assert_eq!(books.send(&server, "/pay", Some(&key), "one").await, "replayed");
        }
        assert_eq!(books.send(&server, "/pay", Some(&key), "another").await, "key_reused");
        assert_eq!(books.send(&server, "/pay", None, "one").await, "missing_key");
        assert_eq!(books.send(&server, "/pay", Some("\"unterminated"), "one").await, "invalid_key");
        assert_eq!(books.send(&server, "/pay", Some(&keyed("f")), "fail").await, "executed");
        assert_eq!(books.send(&server, "/pay", Some(&keyed("p")), "panic").await, "panicked");
        assert_eq!(books.send(&server, "/pay", Some(&keyed("l")), "large").await, "executed");
        assert_eq!(books.send(&server, "/pay", Some(&keyed("l")), "large").await, "response_not_kept");
        assert_eq!(books.send(&server, "/pay-once", Some(&keyed("o")), "panic").await, "panicked");
        assert_eq!(books.send(&server, "/pay-once", Some(&keyed("o")), "panic").await, "outcome_unknown");
        assert_eq!(books.send(&server, "/optional", None, "one").await, "unprotected");
    }
}

const CLIENTS: usize = 8;
const DUPLICATES: usize = 20;
const HANG_UPS: usize = 12;
const WAITERS: usize = 15;

/// Duplicates while the first one runs, and waiters, of which one gives up.
async fn duplicates(server: &Arc<Metered>, books: &Books, prometheus: &PrometheusServer) {
    let mut under_way = JoinSet::new();
    let mut spawn = |path: &'static str| {
        let (server, books) = (Arc::clone(server), books.clone());
        under_way.spawn(async move { books.send(&server, path, Some(path), "hold duplicates").await });
    };
    spawn("/pay");
    spawn("/pay-waiting");
    server.waits_at("duplicates", 2).await;
    for _ in 0..DUPLICATES {
        assert_eq!(books.send(server, "/pay", Some("/pay"), "hold duplicates").await, "in_progress");
    }
    for _ in 0..WAITERS {
        spawn("/pay-waiting");
    }
    let gives_up = tokio::spawn(server.post("/pay-waiting", Some("/pay-waiting"), "hold duplicates").send());
    let waiting = WAITERS as f64 + 1.0;
    prometheus.comes_to("idem_waiters{instance='a'}", waiting).await;
    prometheus.comes_to("idem_requests_in_flight{instance='a'}", waiting + 2.0).await;
    prometheus.comes_to("idem_claims_live{instance='a'}", 2.0).await;
    gives_up.abort();
    assert!(gives_up.await.unwrap_err().is_cancelled());
    books.add("/pay-waiting", "abandoned");
    prometheus.comes_to("idem_waiters{instance='a'}", waiting - 1.0).await;
    server.open("duplicates").await;
    let mut ended = BTreeMap::<String, usize>::new();
    for outcome in soon("all answers", under_way.join_all()).await {
        *ended.entry(outcome).or_default() += 1;
    }
    assert_eq!(ended, BTreeMap::from([("executed".to_owned(), 2), ("replayed".to_owned(), WAITERS)]));
}

/// Clients that hang up while their handler runs.
async fn hang_ups(server: &Arc<Metered>, books: &Books, prometheus: &PrometheusServer) {
    let mut clients = JoinSet::new();
    for number in 0..HANG_UPS {
        clients.spawn(server.post("/pay", Some(&format!("hang-up-{number}")), "hold hang-ups").send());
    }
    server.waits_at("hang-ups", HANG_UPS).await;
    clients.shutdown().await;
    prometheus.comes_to("idem_adopted_total{instance='a'}", HANG_UPS as f64).await;
    server.open("hang-ups").await;
    for _ in 0..HANG_UPS {
        books.add("/pay", "executed");
    }
    prometheus.comes_to("idem_claims_live{instance='a'}", 0.0).await;
    for number in 0..HANG_UPS {
        let key = format!("hang-up-{number}");
        assert_eq!(books.send(server, "/pay", Some(&key), "hold hang-ups").await, "replayed");
    }
}

/// Retries until the lease of an owner that gives no sign of life has ended; the new one is let pass.
async fn take_over(server: &Metered, books: &Books, key: &str, body: &str) -> Seen {
    server.open(key).await;
    until("an end of the lease", async || {
        let seen = Seen::of(server.post("/pay", Some(key), body)).await;
        let outcome = outcome(&seen, true);
        books.add("/pay", &outcome);
        (outcome != "in_progress").then_some(seen)
    })
    .await
}

/// I3: killed in the handler, and stopped there for longer than the lease.
async fn owners_that_go(servers: [&Arc<Metered>; 3], books: &Books, prometheus: &PrometheusServer) {
    let [server, killed, stopped] = servers;
    let mut under_way = Vec::new();
    for (other, key) in [(killed, "killed"), (stopped, "stopped")] {
        let request = other.post("/pay", Some(key), &format!("hold {key}"));
        under_way.push(tokio::spawn(request.send()));
        other.waits_at(key, 1).await;
    }
    prometheus.comes_to("idem_claims_live{instance=~'b|c'}", 2.0).await;
    // Only then: it has been scraped.
    idem_tests::process::signal(killed.program.pid(), "KILL");
    stopped.program.signal("STOP");
    for key in ["killed", "stopped"] {
        let seen = take_over(server, books, key, &format!("hold {key}")).await;
        assert_eq!((seen.status, seen.replayed), (201, false));
    }
    stopped.program.signal("CONT");
    stopped.open("stopped").await;
    let lost = under_way.pop().unwrap();
    let answer = Seen::read(soon("an answer", lost).await.unwrap().unwrap()).await;
    // Its own answer is nobody's: the recorded one is.
    assert_eq!((answer.status, answer.replayed), (201, true));
    assert!(under_way.pop().unwrap().await.unwrap().is_err(), "who is killed does not answer");

    prometheus.comes_to("idem_claims_total{instance='a',start='taken_over'}", 2.0).await;
    prometheus.comes_to("idem_claims_lost_total{instance='c'}", 1.0).await;
    prometheus.comes_to("idem_claims_ended_total{instance='c',end='expired'}", 1.0).await;
    prometheus.comes_to("idem_claims_live{instance='c'}", 0.0).await;
    prometheus.comes_to("last_over_time(idem_claims_live{instance='b'}[10m])", 1.0).await;
    let logs =
        |server: &Metered, said: &str| server.program.output().lines().filter(|line| line.contains(said)).count();
    assert_eq!(logs(server, "the owner of a claim has died; the request runs again"), 2);
    assert_eq!(logs(stopped, "a claim was lost before its outcome could be recorded"), 1);
}

#[tokio::test]
async fn i54_what_prometheus_scrapes_balances_with_the_generators_books() {
    let redis = RedisServer::start().await;
    let mut servers = Vec::new();
    for _ in 0..3 {
        servers.push(Arc::new(Metered::on(&redis.url()).await));
    }
    let [server, killed, stopped] = [&servers[0], &servers[1], &servers[2]];
    let targets = [("a", server.program.address), ("b", killed.program.address), ("c", stopped.program.address)];
    let prometheus = PrometheusServer::start(&targets, None).await;
    let books = Books::default();

    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        clients.spawn(client(Arc::clone(server), books.clone(), number));
    }
    duplicates(server, &books, &prometheus).await;
    soon("the end of the load", clients.join_all()).await;
    hang_ups(server, &books, &prometheus).await;
    owners_that_go([server, killed, stopped], &books, &prometheus).await;

    let expected = books.0.lock().clone();
    let mut scraped = BTreeMap::new();
    let same = async {
        while scraped != expected {
            scraped = requests(&prometheus, "a").await;
        }
    };
    if tokio::time::timeout(idem_tests::PATIENCE, same).await.is_err() {
        assert_eq!(scraped, expected, "scraped, and expected");
    }
    for outcome in ["executed", "replayed", "in_progress", "key_reused", "missing_key", "invalid_key", "panicked"] {
        assert!(books.of(outcome) > 0, "{outcome}");
    }

    // I54, by what the generator knows: each execution under a key was a claim.
    let (executed, panicked) = (books.of("executed") as f64, books.of("panicked") as f64);
    let each = (CLIENTS * 6) as f64;
    for (expression, sum) in [
        ("idem_claims_total{instance='a'}", executed + panicked),
        // A failure and a panic of each turn are released; the panic of `on_failure = "keep"` is recorded.
        ("idem_claims_ended_total{instance='a',end='released'}", 2.0 * each),
        ("idem_claims_ended_total{instance='a',end='completed'}", executed + panicked - 2.0 * each),
        ("idem_claims_ended_total{instance='a',end='expired'}", 0.0),
        ("idem_claims_live{instance='a'}", 0.0),
        ("idem_requests_in_flight{instance='a'}", 0.0),
        ("idem_waiters{instance='a'}", 0.0),
        ("idem_adopted_total{instance='a'}", HANG_UPS as f64),
        ("idem_unrecorded_total", 0.0),
        (
            "idem_store_call_duration_seconds_count{instance='a',call=~'claim|take_over',result='claimed'}",
            executed + panicked,
        ),
        ("idem_store_call_duration_seconds_count{instance='a',result=~'unavailable|timed_out|full|corrupt'}", 0.0),
    ] {
        prometheus.comes_to(expression, sum).await;
    }
    let balance = "sum by (instance) (idem_claims_total) - sum by (instance) (idem_claims_ended_total) \
                   - sum by (instance) (idem_claims_live)";
    let balance = prometheus.query(balance).await;
    assert_eq!(balance.len(), 2, "{balance:?}");
    assert!(balance.values().all(|difference| *difference == 0.0), "{balance:?}");
    assert!(prometheus.sum("idem_recorded_bytes_total{instance='a'}").await > 0.0);
}
