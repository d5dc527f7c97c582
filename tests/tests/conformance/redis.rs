use idem_runtime::store::RedisStore;
use idem_tests::redis_server::RedisServer;

use super::*;

struct InRedis(RedisServer);

impl InRedis {
    async fn run(&self, command: &str, arguments: &[&[u8]]) -> Vec<u8> {
        let mut command = ::redis::cmd(command);
        for argument in arguments {
            command.arg(*argument);
        }
        let reply: ::redis::Value = command.query_async(&mut self.0.connection().await).await.unwrap();
        match reply {
            ::redis::Value::BulkString(bytes) => bytes,
            _ => Vec::new(),
        }
    }

    async fn set_limit(&self, bytes: &str) {
        self.run("CONFIG", &[b"SET", b"maxmemory", bytes.as_bytes()]).await;
    }
}

fn name_of(key: RecordKey) -> String {
    format!("idem:{key}")
}

impl Harness for InRedis {
    type Store = RedisStore;

    async fn store(&self) -> RedisStore {
        RedisStore::connect(self.0.url()).await.unwrap()
    }

    /// The server's clock goes on by itself, in whole milliseconds.
    async fn pass(&self, time: Duration) {
        tokio::time::sleep(time + Duration::from_millis(2)).await;
    }

    async fn fill(&self) -> bool {
        self.set_limit("1").await;
        true
    }

    async fn make_room(&self) {
        self.set_limit("0").await;
    }

    async fn damage(&self, key: RecordKey, damage: Damage) -> bool {
        let name = name_of(key);
        let mut value = self.run("GET", &[name.as_bytes()]).await;
        let mut target = name;
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
                self.run("SET", &[target.as_bytes(), &value, b"PX", b"600000"]).await;
                return true;
            }
            _ => return false,
        }
        self.run("SET", &[target.as_bytes(), &value, b"KEEPTTL"]).await;
        true
    }
}

in_every_dress!(check, tokio::test(flavor = "multi_thread", worker_threads = 2), InRedis(RedisServer::start().await));
