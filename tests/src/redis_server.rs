//! A real `redis-server` on a free port, which a test may kill, stop and start again.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::certificates::Certificates;
use crate::process::{free_port, signal};

/// A `redis-server` with its data in a folder of its own. It is killed when it is dropped.
#[derive(Debug)]
pub struct RedisServer {
    program: PathBuf,
    port: u16,
    tls_port: Option<u16>,
    folder: TempDir,
    options: Vec<String>,
    child: Option<Child>,
}

impl RedisServer {
    /// One that writes every change to disk before it answers, so that a kill loses nothing.
    pub async fn start() -> Self {
        Self::with(&["--appendonly", "yes", "--appendfsync", "always"]).await
    }

    /// One with these options.
    ///
    /// # Panics
    /// When `redis-server` is not installed or does not start.
    pub async fn with(options: &[&str]) -> Self {
        Self::of("redis-server".into(), options).await
    }

    /// A `valkey` or `redis` that has commands to compare and set, with these options. It is fetched if need be.
    ///
    /// # Panics
    /// When it cannot be had.
    pub async fn newer(name: &str, options: &[&str]) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/newer-server");
        let output = Command::new(script).arg(name).stderr(Stdio::inherit()).output().expect("tests/newer-server");
        assert!(output.status.success(), "tests/newer-server says why");
        Self::of(String::from_utf8(output.stdout).expect("a path").trim_end().into(), options).await
    }

    /// One that listens at a second port too, for encrypted connections.
    pub async fn encrypted(certificates: &Certificates, options: &[&str]) -> Self {
        let tls_port = free_port();
        let tls = certificates.options(tls_port);
        let tls: Vec<&str> = tls.iter().map(String::as_str).collect();
        let mut server = Self::with(&[&tls, options].concat()).await;
        server.tls_port = Some(tls_port);
        server
    }

    /// One of this program, or of one that takes the same options.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn of(program: PathBuf, options: &[&str]) -> Self {
        let mut server = Self {
            program,
            port: free_port(),
            tls_port: None,
            folder: TempDir::new().expect("a folder"),
            options: options.iter().map(ToString::to_string).collect(),
            child: None,
        };
        server.restart().await;
        server
    }

    /// The URL for clients.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The port by which other servers know it: the encrypted one, if there is one.
    #[must_use]
    pub fn known_port(&self) -> u16 {
        self.tls_port.unwrap_or(self.port)
    }

    /// Where it listens for encrypted connections.
    ///
    /// # Panics
    /// When it does not.
    #[must_use]
    pub fn tls_port(&self) -> u16 {
        self.tls_port.expect("an encrypted server")
    }

    /// Sends a command of the test's own.
    ///
    /// # Panics
    /// When the server refuses it.
    pub async fn command<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        self.try_command(words).await.expect("an answer")
    }

    /// Sends a command of the test's own, which the server may refuse.
    ///
    /// # Errors
    /// What the server says.
    pub async fn try_command<T: redis::FromRedisValue>(
        &self,
        words: &[impl redis::ToRedisArgs],
    ) -> redis::RedisResult<T> {
        let client = redis::Client::open(self.url())?;
        let mut command = redis::Cmd::new();
        command.arg(words);
        command.query_async(&mut client.get_multiplexed_async_connection().await?).await
    }

    /// One line of `INFO`.
    ///
    /// # Panics
    /// When the server does not answer.
    pub async fn info(&self, name: &str) -> Option<String> {
        let info: String = self.command(&["INFO"]).await;
        info.lines().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim().to_owned()))
    }

    /// Starts it again after [`kill`](Self::kill), on the same port and data.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn restart(&mut self) {
        let log: PathBuf = self.folder.path().join("log");
        let child = Command::new(&self.program)
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", "", "--daemonize", "no"])
            .args(["--logfile", &log.to_string_lossy(), "--dir", &self.folder.path().to_string_lossy()])
            .args(&self.options)
            .stdin(Stdio::null())
            .spawn()
            .expect("redis-server (tests/run installs it)");
        self.child = Some(child);
        crate::until("redis answers", async || self.answers().await).await;
    }

    async fn answers(&self) -> Option<()> {
        let client = redis::Client::open(self.url()).ok()?;
        let mut connection = client.get_multiplexed_async_connection().await.ok()?;
        match redis::cmd("PING").exec_async(&mut connection).await {
            Err(error) if error.is_io_error() || error.code() == Some("LOADING") => None,
            // Also one that wants a password first is there.
            _ => Some(()),
        }
    }

    /// A connection of the test's own.
    ///
    /// # Panics
    /// When there is none.
    pub async fn connection(&self) -> redis::aio::MultiplexedConnection {
        let client = redis::Client::open(self.url()).expect("a URL");
        client.get_multiplexed_async_connection().await.expect("a connection")
    }

    /// All keys there are.
    ///
    /// # Panics
    /// When the server does not answer.
    pub async fn keys(&self) -> Vec<String> {
        redis::cmd("KEYS").arg("*").query_async(&mut self.connection().await).await.expect("keys")
    }

    /// `kill -9`.
    ///
    /// # Panics
    /// When it does not run.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("a running server");
        child.kill().expect("a kill");
        child.wait().expect("its end");
    }

    /// Stops it, so that it answers nothing.
    ///
    /// # Panics
    /// When it does not run.
    pub fn pause(&self) {
        signal(self.child.as_ref().expect("a running server").id(), "STOP");
    }

    /// Lets it go on.
    ///
    /// # Panics
    /// When it does not run.
    pub fn go_on(&self) {
        signal(self.child.as_ref().expect("a running server").id(), "CONT");
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
