//! A real primary with replicas, watched by three sentinels, all on free ports.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::certificates::Certificates;
use crate::process::free_port;
use crate::redis_server::RedisServer;
use crate::until;

/// The name of the service that the sentinels watch.
pub const SERVICE: &str = "shop";

/// How long the primary is out of reach until a sentinel calls it dead. Short, but not so short that a busy machine looks
/// dead.
const DOWN_AFTER: &str = "1500";

/// A service that survives the loss of its primary.
#[derive(Debug)]
pub struct Watched {
    /// The first one was the primary at the beginning.
    pub servers: Vec<RedisServer>,
    sentinels: Vec<Sentinel>,
}

#[derive(Debug)]
struct Sentinel {
    port: u16,
    tls_port: Option<u16>,
    child: Child,
    _folder: TempDir,
}

impl Watched {
    /// A primary with so many replicas, and these options for each.
    pub async fn with(replicas: usize, options: &[&str]) -> Self {
        Self::start(replicas, options, None).await
    }

    /// The same, encrypted.
    pub async fn encrypted(replicas: usize, certificates: &Certificates) -> Self {
        let options = ["--tls-replication", "yes", "--tls-auth-clients", "optional"];
        Self::start(replicas, &options, Some(certificates)).await
    }

    async fn start(replicas: usize, options: &[&str], certificates: Option<&Certificates>) -> Self {
        let options = [&["--repl-diskless-sync-delay", "0"], options].concat();
        let server = async |options: &[&str]| match certificates {
            None => RedisServer::with(options).await,
            Some(certificates) => RedisServer::encrypted(certificates, options).await,
        };
        let primary = server(&options).await;
        let port = primary.known_port().to_string();
        let mut servers = vec![primary];
        for _ in 0..replicas {
            servers.push(server(&[&options[..], &["--replicaof", "127.0.0.1", &port]].concat()).await);
        }
        for replica in &servers[1..] {
            let is_in_step = async || (replica.info("master_link_status").await? == "up").then_some(());
            until("the replica has everything", is_in_step).await;
        }
        let sentinels = (0..3).map(|_| Sentinel::start(&port, certificates)).collect();
        let watched = Self { servers, sentinels };
        for sentinel in &watched.sentinels {
            until("the sentinel knows all", async || sentinel.knows(2, replicas).await).await;
        }
        watched
    }

    /// The URL for clients.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis+sentinel://{}/{SERVICE}", self.hosts())
    }

    /// The hosts and ports of the sentinels.
    #[must_use]
    pub fn hosts(&self) -> String {
        let hosts: Vec<String> = self.sentinels.iter().map(|one| format!("127.0.0.1:{}", one.known_port())).collect();
        hosts.join(",")
    }

    /// Sends a command to every sentinel.
    ///
    /// # Panics
    /// When one refuses it.
    pub async fn each_sentinel(&self, words: &[&str]) {
        for sentinel in &self.sentinels {
            sentinel.ask::<redis::Value>(words).await.expect("an answer");
        }
    }

    /// The number of the server that the sentinels call the primary, and that calls itself so.
    ///
    /// # Panics
    /// When there is none.
    pub async fn primary(&self) -> usize {
        until("a primary", async || {
            let port = self.sentinels[0].primary().await?;
            let number = self.servers.iter().position(|server| server.known_port() == port)?;
            let role: redis::Value = self.servers[number].try_command(&["ROLE"]).await.ok()?;
            format!("{role:?}").contains("master").then_some(number)
        })
        .await
    }

    /// Waits until the sentinels have put another server in the place of this one.
    pub async fn another_primary(&self, than: usize) -> usize {
        until("another primary", async || Some(self.primary().await).filter(|number| *number != than)).await
    }

    /// Asks for a failover while the primary lives.
    ///
    /// # Panics
    /// When the sentinels refuse.
    pub async fn fail_over(&self) {
        let command = async || self.sentinels[0].ask::<()>(&["SENTINEL", "FAILOVER", SERVICE]).await;
        until("a failover", command).await;
    }
}

impl Sentinel {
    fn start(primary: &str, certificates: Option<&Certificates>) -> Self {
        let tls_port = certificates.map(|_| free_port());
        let (port, folder) = (free_port(), TempDir::new().expect("a folder"));
        let file: PathBuf = folder.path().join("sentinel.conf");
        let settings = [
            format!("port {port}"),
            "bind 127.0.0.1".to_owned(),
            format!("dir {}", folder.path().display()),
            format!("logfile {}", folder.path().join("log").display()),
            format!("sentinel monitor {SERVICE} 127.0.0.1 {primary} 2"),
            format!("sentinel down-after-milliseconds {SERVICE} {DOWN_AFTER}"),
            format!("sentinel failover-timeout {SERVICE} 10000"),
        ];
        let mut settings = settings.to_vec();
        if let (Some(certificates), Some(port)) = (certificates, tls_port) {
            let options = certificates.options(port);
            settings.extend(options.chunks(2).map(|pair| pair.join(" ").trim_start_matches("--").to_owned()));
            settings.extend(["tls-replication yes".to_owned(), "tls-auth-clients optional".to_owned()]);
        }
        std::fs::write(&file, settings.join("\n") + "\n").expect("its settings");
        let child = Command::new("redis-server")
            .arg(&file)
            .arg("--sentinel")
            .stdin(Stdio::null())
            .spawn()
            .expect("redis-server (tests/run installs it)");
        Self { port, child, _folder: folder, tls_port }
    }

    /// The port by which the others know it.
    fn known_port(&self) -> u16 {
        self.tls_port.unwrap_or(self.port)
    }

    async fn ask<T: redis::FromRedisValue>(&self, words: &[&str]) -> Option<T> {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.port)).ok()?;
        let mut connection = client.get_multiplexed_async_connection().await.ok()?;
        redis::Cmd::new().arg(words).query_async(&mut connection).await.ok()
    }

    async fn primary(&self) -> Option<u16> {
        let (_, port): (String, u16) = self.ask(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE]).await?;
        Some(port)
    }

    /// Whether it knows so many other sentinels, and so many replicas.
    async fn knows(&self, sentinels: usize, replicas: usize) -> Option<()> {
        let others: Vec<redis::Value> = self.ask(&["SENTINEL", "SENTINELS", SERVICE]).await?;
        let copies: Vec<redis::Value> = self.ask(&["SENTINEL", "REPLICAS", SERVICE]).await?;
        (others.len() == sentinels && copies.len() == replicas).then_some(())
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
