//! Redis killed, stopped, full, and damaged under a running server.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use idem_runtime::{Idempotency, idempotent};
use idem_tests::app::{AppState, Bed, router};
use idem_tests::gate::Gate;
use idem_tests::log::Log;
use idem_tests::redis_server::RedisServer;
use idem_tests::server::{Seen, Server};
use idem_tests::until;
use serde_json::json;

struct Under {
    redis: RedisServer,
    idempotency: Idempotency,
    gate: Gate,
    server: Server,
}

impl Under {
    async fn test(gate: Gate) -> Self {
        let Bed { idempotency, redis } = Bed::redis().await;
        let state = AppState { idempotency: idempotency.clone(), gate: gate.clone() };
        let server = Server::start(router(state.clone()).merge(short(state))).await;
        Self { redis: redis.unwrap(), idempotency, gate, server }
    }

    async fn pay(&self) -> Seen {
        Seen::of(self.server.post("/pay", "k", &json!(1))).await
    }

    fn pay_behind(&self) -> tokio::task::JoinHandle<Seen> {
        tokio::spawn(Seen::of(self.server.post("/pay", "k", &json!(1))))
    }

    async fn set(&self, command: &str, arguments: &[&[u8]]) {
        let mut command = redis::cmd(command);
        for argument in arguments {
            command.arg(*argument);
        }
        command.exec_async(&mut self.redis.connection().await).await.unwrap();
    }

    async fn the_record(&self) -> (String, Vec<u8>) {
        let keys = self.redis.keys().await;
        assert_eq!(keys.len(), 1);
        let value = redis::cmd("GET").arg(&keys[0]).query_async(&mut self.redis.connection().await).await.unwrap();
        (keys[0].clone(), value)
    }
}

fn short(state: AppState) -> Router {
    Router::new().route("/short", post(pay_with_a_short_lease)).with_state(state)
}

#[idempotent(ttl = "1h", lease = "1s")]
async fn pay_with_a_short_lease(State(gate): State<Gate>) -> String {
    gate.pass().await.to_string()
}

fn is_unavailable(seen: &Seen) {
    assert_eq!((seen.status, seen.refusal().as_str()), (503, "store_unavailable"));
}

#[tokio::test(flavor = "multi_thread")]
async fn i04_killed_before_the_claim() {
    let mut under = Under::test(Gate::open()).await;
    under.redis.kill();
    is_unavailable(&under.pay().await);
    assert_eq!(under.gate.executions(), 0);
    under.redis.restart().await;
    let seen = until("recovery", async || Some(under.pay().await).filter(|seen| seen.status != 503)).await;
    assert_eq!((seen.status, seen.replayed, under.gate.executions()), (201, false, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn i19_i21_killed_between_claim_and_completion() {
    let mut under = Under::test(Gate::closed()).await;
    let first = under.pay_behind();
    under.gate.started().await;
    under.redis.kill();
    under.gate.let_pass(1);
    until("a failed completion", async || (under.idempotency.counts().settle_retried > 0).then_some(())).await;
    assert!(!first.is_finished(), "no answer goes out before the record is stored");
    is_unavailable(&under.pay().await);
    under.redis.restart().await;
    let first = first.await.unwrap();
    assert_eq!((first.status, first.replayed), (201, false));
    let retry = under.pay().await;
    assert_eq!((retry.replayed, &retry.body, under.gate.executions()), (true, &first.body, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn i19_killed_for_longer_than_the_lease() {
    let mut under = Under::test(Gate::closed()).await;
    let send = || Seen::of(under.server.client.post(under.server.url("/short")).header("idempotency-key", "k"));
    let first = tokio::spawn(send());
    under.gate.started().await;
    under.redis.kill();
    under.gate.let_pass(1);
    // It held its claim until the lease ended, so its answer is the only one: it goes out, and is counted. Had the
    // store's death been noticed only after the lease, nobody could know, and it would be 503.
    let first = first.await.unwrap();
    let counts = under.idempotency.counts();
    assert_eq!((first.status == 200, first.status == 503), (counts.unrecorded == 1, counts.lost == 1), "{first:?}");
    assert_eq!(under.gate.executions(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn i05_i43_stopped_before_the_claim() {
    let under = Under::test(Gate::open()).await;
    under.redis.pause();
    is_unavailable(&under.pay().await);
    assert_eq!(under.gate.executions(), 0);
    under.redis.go_on();
    // The abandoned claim may be applied now; it is given back, or its lease ends.
    let seen = until("recovery", async || Some(under.pay().await).filter(|seen| seen.status == 201)).await;
    assert!(!seen.replayed);
    assert_eq!(under.gate.executions(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn i21_i46_out_of_memory_between_claim_and_completion() {
    let under = Under::test(Gate::closed()).await;
    let first = under.pay_behind();
    under.gate.started().await;
    under.set("CONFIG", &[b"SET", b"maxmemory", b"1"]).await;
    under.gate.let_pass(1);
    let first = first.await.unwrap();
    assert_eq!(first.status, 201);
    let retry = under.pay().await;
    assert_eq!((retry.replayed, &retry.body), (true, &first.body), "replays work while writes fail");
    is_unavailable(&Seen::of(under.server.post("/pay", "new", &json!(1))).await);
    assert_eq!(under.gate.executions(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn i20_a_claim_that_vanished_gives_no_answer() {
    let under = Under::test(Gate::closed()).await;
    let first = under.pay_behind();
    under.gate.started().await;
    under.set("FLUSHALL", &[]).await;
    under.gate.let_pass(1);
    is_unavailable(&first.await.unwrap());
    assert_eq!(under.redis.keys().await, Vec::<String>::new(), "I18: nothing is brought back");
    assert_eq!(under.idempotency.counts().lost, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn b32_b34_damaged_records_are_refused() {
    let under = Under::test(Gate::open()).await;
    assert_eq!(under.pay().await.status, 201);
    let (name, good) = under.the_record().await;
    let mut damaged: Vec<Vec<u8>> =
        vec![b"".to_vec(), b"garbage".to_vec(), vec![0xff; 300], good[..good.len() / 3].to_vec()];
    // Another version, another marker.
    damaged.push([b"idem2".as_slice(), &good[5..]].concat());
    damaged.push([b"idem1 X".as_slice(), &good[7..]].concat());
    for value in damaged {
        under.set("SET", &[name.as_bytes(), &value, b"PX", b"600000"]).await;
        let seen = under.pay().await;
        assert_eq!(seen.status, 503, "{}", String::from_utf8_lossy(&value));
        is_unavailable(&seen);
    }
    // A value of another kind.
    under.set("DEL", &[name.as_bytes()]).await;
    under.set("HSET", &[name.as_bytes(), b"a", b"b"]).await;
    is_unavailable(&under.pay().await);
    assert_eq!(under.gate.executions(), 1);
    // A record under a key that is not its own.
    under.set("DEL", &[name.as_bytes()]).await;
    assert_eq!(Seen::of(under.server.post("/pay", "other", &json!(1))).await.status, 201);
    let (_, foreign) = under.the_record().await;
    under.set("SET", &[name.as_bytes(), &foreign, b"PX", b"600000"]).await;
    let seen = under.pay().await;
    assert!(!seen.replayed && seen.status != 201, "{seen:?}");
    assert_eq!(under.gate.executions(), 2);
    // Whole again, it is replayed.
    under.set("SET", &[name.as_bytes(), &good, b"PX", b"600000"]).await;
    assert!(under.pay().await.replayed);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_can_read_a_record_and_no_key_in_it() {
    let under = Under::test(Gate::open()).await;
    let request = under.server.client.post(under.server.url("/scoped")).header("x-user", "canary-user");
    assert_eq!(Seen::of(request.header("idempotency-key", "canary-key").body("canary-body")).await.status, 200);
    let (name, value) = under.the_record().await;
    let text = String::from_utf8(value).unwrap();
    assert!(text.starts_with("idem1 C ") && text.contains("\nHTTP/1.1 200 OK\r\n"), "{text}");
    assert!(!format!("{name}{}", text.split("\r\n\r\n").next().unwrap()).contains("canary"), "B40");
}

#[tokio::test(flavor = "multi_thread")]
async fn i47_a_server_that_evicts_is_refused() {
    let redis = RedisServer::with(&["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"]).await;
    let refused = Idempotency::connect(&redis.url()).await.unwrap_err().to_string();
    assert!(refused.contains("noeviction") && refused.contains("allkeys-lru") && !refused.contains('\n'), "{refused}");
}

#[tokio::test]
async fn b40_neither_keys_nor_bodies_nor_passwords_are_logged() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let mut under = Under::test(Gate::open()).await;
    let refused =
        format!("{:?}", Idempotency::connect("redis://user:canary-password@127.0.0.1:1/0").await.unwrap_err());
    assert!(!refused.contains("canary"), "{refused}");
    let unknown = Idempotency::connect("mysql://user:canary-password@db/0").await.unwrap_err();
    assert!(!format!("{unknown} {unknown:?}").contains("canary"));
    // While there is one subscriber only, an event that another thread is the first to reach is judged by that thread alone,
    // for all: there is nobody who wants it. With two, all are asked.
    let _second = tracing::Dispatch::new(tracing_subscriber::fmt().with_writer(std::io::sink).finish());
    // The subscriber belongs to this thread, and so does everything that a current-thread runtime runs.
    let _guard = tracing::subscriber::set_default(subscriber);
    let scoped = |key: &'static str| {
        let request = under.server.client.post(under.server.url("/scoped")).header("x-user", "canary-user");
        Seen::of(request.header("idempotency-key", key).body("canary-body"))
    };
    assert_eq!(scoped("canary-key").await.status, 200);
    assert!(scoped("canary-key").await.replayed);
    let (name, _) = under.the_record().await;
    under.set("SET", &[name.as_bytes(), b"garbage"]).await;
    is_unavailable(&scoped("canary-key").await);
    under.redis.kill();
    is_unavailable(&Seen::of(under.server.post("/pay", "canary-key", &json!("canary-body"))).await);
    let log = log.text();
    let ours: Vec<&str> = log.lines().filter(|line| line.contains("idem_runtime")).collect();
    assert!(ours.len() >= 2, "refusals are logged: {log}");
    assert!(!ours.iter().any(|line| line.contains("canary")), "{ours:#?}");
}
