//! A real `rabbitmq-server` on free ports, which a test may kill, stop and start again.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Weak};

use lapin::options::{BasicAckOptions, BasicGetOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ConnectionProperties};
use tempfile::TempDir;
use tokio::sync::Mutex;

use crate::process::{free_port, processes};

/// Where Debian's package puts it. The program of this name in the `PATH` would change to another user.
const SERVER: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
const CONTROL: &str = "/usr/lib/rabbitmq/bin/rabbitmqctl";

/// Writes down which log each quorum queue has. The broker does so within some time of a queue's declaration; one that is killed
/// before (seen with 3.10.8) begins with a new log, without the messages that it had confirmed, and with nobody to lead it.
const WRITE_DOWN: &str = "[dets:sync(Table) || Table <- dets:all()].";

/// Starts it, and kills the whole group when the test's process is gone, for whatever reason: then its input ends.
const TOGETHER: &str = r#"exec 3<&0; "$0" </dev/null & server=$!; (cat <&3 >/dev/null; kill -KILL 0) & wait $server"#;

/// A `rabbitmq-server` with its data in a folder of its own. It is killed when it is dropped, with the programs that it has
/// started, and with the Erlang port mapper that it is found by.
#[derive(Debug)]
pub struct RabbitMqServer {
    port: u16,
    distribution: u16,
    mapper: u16,
    folder: TempDir,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    /// Started before the server: that would start one of its own, which nobody ends.
    mapper: Child,
    /// The first of a group of processes.
    server: Child,
}

impl RabbitMqServer {
    /// # Panics
    /// When `rabbitmq-server` is not installed or does not start.
    pub async fn start() -> Self {
        let folder = TempDir::new().expect("a folder");
        for name in ["home", "log"] {
            fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        fs::write(folder.path().join("plugins"), "[].").expect("a file");
        let mut server =
            Self { port: free_port(), distribution: free_port(), mapper: free_port(), folder, running: None };
        server.restart().await;
        server
    }

    /// One for all tests that run at the same time, and do it no harm.
    pub async fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<RabbitMqServer>> = Mutex::const_new(Weak::new());
        let mut shared = SHARED.lock().await;
        if let Some(server) = shared.upgrade() {
            return server;
        }
        let server = Arc::new(Self::start().await);
        *shared = Arc::downgrade(&server);
        server
    }

    /// The URL for clients.
    #[must_use]
    pub fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.port)
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Starts it again after [`kill`](Self::kill), on the same port and data.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn restart(&mut self) {
        let mapper = Command::new("epmd")
            .args(["-port", &self.mapper.to_string(), "-address", "127.0.0.1"])
            .stdin(Stdio::null())
            .spawn()
            .expect("epmd (tests/run installs it)");
        let output = || File::options().create(true).append(true).open(self.file("output")).expect("a file");
        let server = self
            .command("sh")
            .args(["-c", TOGETHER, SERVER])
            .stdin(Stdio::piped())
            .stdout(output())
            .stderr(output())
            // It is a script that starts the server, which starts programs: all in one group.
            .process_group(0)
            .spawn()
            .expect("rabbitmq-server (tests/run installs it)");
        self.running = Some(Running { mapper, server });
        let answers = async || {
            let running = self.running.as_mut()?;
            if let Some(status) = running.server.try_wait().expect("its state") {
                panic!(
                    "rabbitmq-server ended, {status}: {}",
                    fs::read_to_string(self.file("output")).unwrap_or_default()
                );
            }
            // Without an attempt of the client's before there is anybody to answer: it would be logged as a warning.
            tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.ok()?;
            self.try_connection().await.ok()
        };
        crate::until("rabbitmq answers", answers).await;
    }

    fn node(&self) -> String {
        format!("idem{}@localhost", self.port)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A program in the environment of this server, and of none that is installed.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder.path()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        for (name, value) in [
            ("RABBITMQ_NODENAME", &*self.node()),
            ("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1"),
            ("RABBITMQ_NODE_PORT", &self.port.to_string()),
            ("RABBITMQ_DIST_PORT", &self.distribution.to_string()),
            ("ERL_EPMD_PORT", &self.mapper.to_string()),
            ("ERL_EPMD_ADDRESS", "127.0.0.1"),
            // It shares two cores with the test.
            ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "+S 1:1"),
        ] {
            command.env(name, value);
        }
        for (name, file) in [
            // Where the cookie is made that its own programs know it by.
            ("HOME", "home"),
            ("RABBITMQ_MNESIA_BASE", "data"),
            ("RABBITMQ_LOG_BASE", "log"),
            ("RABBITMQ_ENABLED_PLUGINS_FILE", "plugins"),
            // They do not exist, so that those of the system are not read.
            ("RABBITMQ_CONFIG_FILE", "rabbitmq.conf"),
            ("RABBITMQ_ADVANCED_CONFIG_FILE", "advanced.config"),
            ("RABBITMQ_CONF_ENV_FILE", "environment"),
        ] {
            command.env(name, self.file(file));
        }
        command
    }

    async fn try_connection(&self) -> lapin::Result<Connection> {
        Connection::connect(&self.url(), ConnectionProperties::default()).await
    }

    /// A channel of the test's own, on a connection that lasts as long as the one that is given with it.
    ///
    /// # Panics
    /// When there is none.
    pub async fn channel(&self) -> (Connection, Channel) {
        let connection = self.try_connection().await.expect("a connection");
        let channel = connection.create_channel().await.expect("a channel");
        (connection, channel)
    }

    /// How many messages of a queue are ready to be delivered, and how many consumers it has; nothing, if there is no such
    /// queue.
    ///
    /// # Panics
    /// When the server does not answer.
    pub async fn state(&self, queue: &str) -> Option<(u32, u32)> {
        let (_connection, channel) = self.channel().await;
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let queue = channel.queue_declare(queue.into(), passive, FieldTable::default()).await.ok()?;
        Some((queue.message_count(), queue.consumer_count()))
    }

    /// Takes all messages out of a queue: the properties and the content of each.
    ///
    /// # Panics
    /// When the server does not answer.
    pub async fn take_all(&self, queue: &str) -> Vec<(lapin::BasicProperties, Vec<u8>)> {
        let (_connection, channel) = self.channel().await;
        let mut all = Vec::new();
        while let Some(message) = channel.basic_get(queue.into(), BasicGetOptions::default()).await.expect("an answer")
        {
            let message = message.delivery;
            message.ack(BasicAckOptions::default()).await.expect("an acknowledgement");
            all.push((message.properties.clone(), message.data.clone()));
        }
        all
    }

    /// `kill -9` of the server and of all that it has started. What it has confirmed is there when it is started again.
    ///
    /// # Panics
    /// When it does not run.
    pub async fn kill(&mut self) {
        assert!(self.running.is_some(), "a running server");
        let mut control: tokio::process::Command = self.command(CONTROL).into();
        let written = control.args(["--node", &self.node(), "eval", WRITE_DOWN]).stdin(Stdio::null()).output();
        let written = crate::soon("rabbitmqctl", written).await.expect("rabbitmqctl (tests/run installs it)");
        assert!(written.status.success(), "{written:?}");
        self.end();
    }

    /// Stops it, so that it answers nothing.
    pub fn pause(&self) {
        self.signal("STOP");
    }

    /// Lets it go on.
    pub fn go_on(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let running = self.running.as_ref().expect("a running server");
        let status = signal_group(&running.server, name);
        assert!(status, "kill -{name}");
    }

    fn end(&mut self) {
        let Some(Running { mut mapper, mut server }) = self.running.take() else { return };
        signal_group(&server, "KILL");
        let _ = server.wait();
        // Each has to be gone before another server may use the data.
        while processes().any(|(_, process)| process.runs && process.group == server.id()) {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        let _ = mapper.kill();
        let _ = mapper.wait();
    }
}

fn signal_group(first: &Child, name: &str) -> bool {
    let group = format!("-{}", first.id());
    Command::new("kill").args([&format!("-{name}"), "--", &group]).status().is_ok_and(|status| status.success())
}

impl Drop for RabbitMqServer {
    fn drop(&mut self) {
        self.end();
        if std::thread::panicking() {
            let mut errors = std::io::stderr();
            for log in fs::read_dir(self.file("log")).into_iter().flatten().flatten() {
                errors.write_all(&fs::read(log.path()).unwrap_or_default()).unwrap_or_default();
            }
        }
    }
}
