//! `RedisStore` on everything that it runs on: one server, behind sentinels, a cluster, over TLS, and with replicas that are
//! waited for.

use idem_runtime::store::{RedisStore, RedisStoreBuilder};
use idem_tests::certificates::Certificates;
use idem_tests::redis_cluster::RedisCluster;
use idem_tests::redis_sentinel::Watched;
use idem_tests::redis_server::RedisServer;

use super::*;

/// What runs: how a store gets there, and how the suite does behind its back.
trait Ground: Sync {
    fn builder(&self) -> RedisStoreBuilder;
    fn run(&self, words: &[&[u8]]) -> impl Future<Output = ::redis::Value> + Send;
    fn set_limit(&self, bytes: &str) -> impl Future<Output = ()> + Send;
}

struct On<G>(G);

fn name_of(key: RecordKey) -> String {
    format!("idem:{key}")
}

impl<G: Ground> Harness for On<G> {
    type Store = RedisStore;

    /// More patient than by default: the tests share two cores.
    async fn store(&self) -> RedisStore {
        self.0.builder().response_timeout(Duration::from_secs(5)).connect().await.unwrap()
    }

    /// The server's clock goes on by itself, in whole milliseconds.
    async fn pass(&self, time: Duration) {
        tokio::time::sleep(time + Duration::from_millis(2)).await;
    }

    async fn fill(&self) -> bool {
        self.0.set_limit("1").await;
        true
    }

    async fn make_room(&self) {
        self.0.set_limit("0").await;
    }

    async fn damage(&self, key: RecordKey, damage: Damage) -> bool {
        let mut target = name_of(key);
        let ::redis::Value::BulkString(mut value) = self.0.run(&[b"GET", target.as_bytes()]).await else {
            panic!("there is no such entry")
        };
        match damage {
            Damage::CutOff => drop(value.pop()),
            Damage::Overwritten => value = b"something else".to_vec(),
            Damage::FlippedBit => {
                let middle = value.len() / 2;
                value[middle] ^= 1;
            }
            Damage::NewerFormat => value[4] = b'2',
            Damage::CopiedTo(other) => {
                target = name_of(other);
                self.0.run(&[b"SET", target.as_bytes(), &value, b"PX", b"600000"]).await;
                return true;
            }
            _ => return false,
        }
        self.0.run(&[b"SET", target.as_bytes(), &value, b"KEEPTTL"]).await;
        true
    }
}

/// A server by itself; also one that is reached by another way than the suite's.
struct Server<B>(RedisServer, B);

impl<B: Fn(&RedisServer) -> RedisStoreBuilder + Sync> Ground for Server<B> {
    fn builder(&self) -> RedisStoreBuilder {
        self.1(&self.0)
    }

    async fn run(&self, words: &[&[u8]]) -> ::redis::Value {
        self.0.try_command(words).await.unwrap()
    }

    async fn set_limit(&self, bytes: &str) {
        self.0.command::<()>(&["CONFIG", "SET", "maxmemory", bytes]).await;
    }
}

struct Cluster(RedisCluster);

impl Ground for Cluster {
    fn builder(&self) -> RedisStoreBuilder {
        RedisStore::builder(self.0.url())
    }

    async fn run(&self, words: &[&[u8]]) -> ::redis::Value {
        self.0.send(::redis::Cmd::new().arg(words)).await
    }

    async fn set_limit(&self, bytes: &str) {
        self.0.everywhere(&["CONFIG", "SET", "maxmemory", bytes]).await;
    }
}

/// A primary, and a replica that has to confirm everything.
struct Confirmed {
    primary: RedisServer,
    _replica: RedisServer,
}

impl Ground for Confirmed {
    fn builder(&self) -> RedisStoreBuilder {
        RedisStore::builder(self.primary.url()).wait_replicas(1, Duration::from_secs(5))
    }

    async fn run(&self, words: &[&[u8]]) -> ::redis::Value {
        self.primary.try_command(words).await.unwrap()
    }

    async fn set_limit(&self, bytes: &str) {
        self.primary.command::<()>(&["CONFIG", "SET", "maxmemory", bytes]).await;
    }
}

struct Behind(Watched);

impl Ground for Behind {
    fn builder(&self) -> RedisStoreBuilder {
        RedisStore::builder(self.0.url())
    }

    async fn run(&self, words: &[&[u8]]) -> ::redis::Value {
        self.0.servers[0].try_command(words).await.unwrap()
    }

    async fn set_limit(&self, bytes: &str) {
        self.0.servers[0].command::<()>(&["CONFIG", "SET", "maxmemory", bytes]).await;
    }
}

async fn one_server() -> impl Harness<Store = RedisStore> {
    On(Server(RedisServer::start().await, |server: &RedisServer| RedisStore::builder(server.url())))
}

mod one_server {
    use super::in_every_dress;

    in_every_dress!(check, tokio::test(flavor = "multi_thread", worker_threads = 2), super::one_server().await);
}

mod i50_a_cluster_of_three {
    use super::{Cluster, On, RedisCluster, in_every_dress};

    in_every_dress!(
        check,
        tokio::test(flavor = "multi_thread", worker_threads = 2),
        On(Cluster(RedisCluster::start(3, false).await))
    );
}

mod behind_sentinels {
    use super::{Behind, On, Watched, in_every_dress};

    in_every_dress!(
        check,
        tokio::test(flavor = "multi_thread", worker_threads = 2),
        On(Behind(Watched::with(1, &[]).await))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_tls() {
    let certificates = Certificates::make();
    let server = RedisServer::encrypted(&certificates, &["--tls-auth-clients", "no"]).await;
    let reach = |server: &RedisServer| {
        let url = format!("rediss://localhost:{}", server.tls_port());
        RedisStore::builder(url).tls_root_certificate(certificates.authority())
    };
    check(&On(Server(server, reach))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i49_confirmed_by_a_replica() {
    let primary = RedisServer::with(&["--repl-diskless-sync-delay", "0"]).await;
    let replica = RedisServer::with(&["--replicaof", "127.0.0.1", &primary.port().to_string()]).await;
    check(&On(Confirmed { primary, _replica: replica })).await;
}

async fn newer(name: &str) {
    let server = RedisServer::newer(name, &["--appendonly", "yes", "--appendfsync", "always"]).await;
    check(&On(Server(server, |server: &RedisServer| RedisStore::builder(server.url())))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_valkey_that_compares_and_sets() {
    newer("valkey").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_compares_and_sets() {
    newer("redis").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i49_a_valkey_whose_replica_confirms() {
    let primary = RedisServer::newer("valkey", &["--repl-diskless-sync-delay", "0"]).await;
    let replica = RedisServer::newer("valkey", &["--replicaof", "127.0.0.1", &primary.port().to_string()]).await;
    check(&On(Confirmed { primary, _replica: replica })).await;
}
