//! A real Redis cluster on free ports.

use redis::{FromRedisValue, RedisResult};

use crate::certificates::Certificates;
use crate::redis_server::RedisServer;
use crate::until;

const SLOTS: usize = 16_384;

/// How long a node is out of reach until the others call it dead. Short, but not so short that a busy machine looks dead.
const NODE_TIMEOUT: &str = "2000";

/// Primaries that share the slots, and replicas of them, if there are any.
#[derive(Debug)]
pub struct RedisCluster {
    /// The primaries first; then their replicas, in the same order.
    pub nodes: Vec<RedisServer>,
    primaries: usize,
}

impl RedisCluster {
    /// So many primaries, each with a replica or none.
    pub async fn start(primaries: usize, with_replicas: bool) -> Self {
        Self::with(primaries, with_replicas, None).await
    }

    /// Encrypted, if there are certificates.
    ///
    /// # Panics
    /// When it does not come together.
    pub async fn with(primaries: usize, with_replicas: bool, certificates: Option<&Certificates>) -> Self {
        let count = if with_replicas { 2 * primaries } else { primaries };
        let mut nodes = Vec::new();
        for _ in 0..count {
            let own =
                ["--cluster-enabled", "yes", "--cluster-node-timeout", NODE_TIMEOUT, "--repl-diskless-sync-delay", "0"];
            nodes.push(match certificates {
                None => RedisServer::with(&own).await,
                Some(certificates) => {
                    let encrypted =
                        ["--tls-cluster", "yes", "--tls-replication", "yes", "--tls-auth-clients", "optional"];
                    RedisServer::encrypted(certificates, &[&own[..], &encrypted[..]].concat()).await
                }
            });
        }
        let cluster = Self { nodes, primaries };
        cluster.form().await;
        cluster
    }

    async fn form(&self) {
        for (number, node) in self.nodes.iter().enumerate() {
            node.command::<()>(&["CLUSTER", "SET-CONFIG-EPOCH", &(number + 1).to_string()]).await;
            let port = self.nodes[0].known_port().to_string();
            if number > 0 {
                node.command::<()>(&["CLUSTER", "MEET", "127.0.0.1", &port]).await;
            }
            if number < self.primaries {
                let (first, last) = (SLOTS * number / self.primaries, SLOTS * (number + 1) / self.primaries - 1);
                node.command::<()>(&["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &last.to_string()]).await;
            }
        }
        let all = format!("cluster_known_nodes:{}", self.nodes.len());
        for (number, node) in self.nodes.iter().enumerate() {
            until("every node knows all", async || node.cluster_says(&all).await).await;
            if number >= self.primaries {
                let id: String = self.nodes[number - self.primaries].command(&["CLUSTER", "MYID"]).await;
                let follow = async || node.try_command::<()>(&["CLUSTER", "REPLICATE", &id]).await.ok();
                until("it follows its primary", follow).await;
            }
        }
        for (number, node) in self.nodes.iter().enumerate() {
            until("the cluster is up", async || node.cluster_says("cluster_state:ok").await).await;
            if number >= self.primaries {
                let is_in_step = async || (node.info("master_link_status").await? == "up").then_some(());
                until("the replica has everything", is_in_step).await;
            }
        }
    }

    /// The URL for clients, with every node in it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis+cluster://{}", self.hosts())
    }

    /// The hosts and ports of all nodes.
    #[must_use]
    pub fn hosts(&self) -> String {
        let hosts: Vec<String> = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.known_port())).collect();
        hosts.join(",")
    }

    /// Sends a command on one key to whichever node takes it.
    ///
    /// # Panics
    /// When none does.
    pub async fn send<T: FromRedisValue>(&self, command: &redis::Cmd) -> T {
        let asked = async {
            loop {
                if let Some(answer) = self.ask_around(command).await {
                    return answer;
                }
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        crate::soon("an answer by the node that serves the key", asked).await
    }

    async fn ask_around<T: FromRedisValue>(&self, command: &redis::Cmd) -> Option<T> {
        for node in &self.nodes {
            let client = redis::Client::open(node.url()).expect("a URL");
            let Ok(mut connection) = client.get_multiplexed_async_connection().await else { continue };
            let answer: RedisResult<T> = command.query_async(&mut connection).await;
            match answer {
                Err(error) if error.is_cluster_error() || error.is_io_error() => {}
                answer => return Some(answer.expect("an answer")),
            }
        }
        None
    }

    /// Sends a command to every node.
    pub async fn everywhere(&self, words: &[&str]) {
        for node in &self.nodes {
            node.command::<redis::Value>(words).await;
        }
    }

    /// The number of the primary that serves the slot of `key`, and the slot.
    ///
    /// # Panics
    /// When there is none.
    pub async fn primary_of(&self, key: &str) -> (usize, u16) {
        let slot: u16 = self.nodes[0].command(&["CLUSTER", "KEYSLOT", key]).await;
        let number = usize::from(slot) * self.primaries / SLOTS;
        // The bounds are rounded down, as they were when the slots were given out.
        let is_here = |number: usize| (SLOTS * number / self.primaries..).contains(&usize::from(slot));
        (if is_here(number + 1) && number + 1 < self.primaries { number + 1 } else { number }, slot)
    }

    /// Says that a slot is on its way from one primary to another: what is there still is answered by the first, the rest
    /// by the second for whoever asks with leave.
    pub async fn begin_migration(&self, slot: u16, from: usize, to: usize) {
        let slot = slot.to_string();
        let (source, target) = (&self.nodes[from], &self.nodes[to]);
        let source_id: String = source.command(&["CLUSTER", "MYID"]).await;
        let target_id: String = target.command(&["CLUSTER", "MYID"]).await;
        target.command::<()>(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &source_id]).await;
        source.command::<()>(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &target_id]).await;
    }

    /// Moves the keys of the slot that are there, one by one, and says how many they were.
    pub async fn migrate_keys(&self, slot: u16, from: usize, to: usize) -> usize {
        let (source, port) = (&self.nodes[from], self.nodes[to].port().to_string());
        let mut moved = 0;
        loop {
            let keys: Vec<String> = source.command(&["CLUSTER", "GETKEYSINSLOT", &slot.to_string(), "10"]).await;
            if keys.is_empty() {
                return moved;
            }
            for key in keys {
                source.command::<()>(&["MIGRATE", "127.0.0.1", &port, &key, "0", "5000"]).await;
                moved += 1;
            }
        }
    }

    /// Says that the slot has arrived.
    pub async fn end_migration(&self, slot: u16, to: usize) {
        let slot = slot.to_string();
        let id: String = self.nodes[to].command(&["CLUSTER", "MYID"]).await;
        self.nodes[to].command::<()>(&["CLUSTER", "SETSLOT", &slot, "NODE", &id]).await;
        for node in &self.nodes[..self.primaries] {
            node.command::<()>(&["CLUSTER", "SETSLOT", &slot, "NODE", &id]).await;
        }
    }
}

impl RedisServer {
    async fn cluster_says(&self, line: &str) -> Option<()> {
        let info: String = self.try_command(&["CLUSTER", "INFO"]).await.ok()?;
        info.lines().any(|said| said.trim() == line).then_some(())
    }
}
