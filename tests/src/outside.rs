//! The other side of the `guarded-server` program: the gate at which its handlers stop, and the effects they had.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::process::{Program, built};
use crate::redis_server::RedisServer;

/// Where handlers stop.
#[derive(Debug)]
pub struct Outside {
    listener: TcpListener,
    folder: TempDir,
}

/// A handler that has stopped.
#[derive(Debug)]
pub struct Stopped {
    /// Where.
    pub step: String,
    connection: TcpStream,
}

/// How a server finds its store's folder. It alone does: its mounts and rights are its own.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// On an empty disk of this size: `2m`, say, which can be filled.
    Disk(&'static str),
    /// On a read-only file system.
    ReadOnly,
    /// As it is, but what its permissions forbid is forbidden even to root.
    NoRights,
}

impl Stopped {
    /// Lets it go on.
    ///
    /// # Panics
    /// When it is gone.
    pub async fn go_on(mut self) {
        self.connection.write_all(b"!").await.expect("a handler that waits");
    }
}

impl Outside {
    /// # Panics
    /// When there is no free port.
    pub async fn new() -> Self {
        Self {
            listener: TcpListener::bind("127.0.0.1:0").await.expect("a port"),
            folder: TempDir::new().expect("a folder"),
        }
    }

    /// Where programs say that they have stopped.
    ///
    /// # Panics
    /// Never: it listens.
    #[must_use]
    pub fn gate(&self) -> std::net::SocketAddr {
        self.listener.local_addr().expect("an address")
    }

    fn effects_file(&self) -> PathBuf {
        self.folder.path().join("effects")
    }

    /// A server whose handlers stop here.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn server(&self, redis: &RedisServer) -> Program {
        self.server_on(&redis.url()).await
    }

    /// A server on this store, whose handlers stop here.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn server_on(&self, store: &str) -> Program {
        self.server_with(store, &[]).await
    }

    /// One that stops at this step of its store's too: see [`Gated`](crate::gated::Gated).
    ///
    /// # Panics
    /// When it does not start.
    pub async fn server_that_stops_at(&self, step: &str, store: &str) -> Program {
        self.server_with(store, &["--stop-at", step]).await
    }

    /// A server that finds its store's folder so.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn server_in(&self, place: Place, folder: &Path, store: &str) -> Program {
        let arguments = self.arguments_in(place, folder, store);
        Program::start(Path::new("unshare"), &arguments.iter().map(String::as_str).collect::<Vec<_>>()).await
    }

    /// What a server says that finds its store's folder so, and ends.
    ///
    /// # Panics
    /// When it does not end, or ends as if all were well.
    pub async fn refusal_in(&self, place: Place, folder: &Path, store: &str) -> String {
        let mut server = tokio::process::Command::new("unshare");
        server.args(self.arguments_in(place, folder, store)).stdin(Stdio::null()).kill_on_drop(true);
        let output = crate::soon("the server's end", server.output()).await.expect("a server");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8(output.stderr).expect("text")
    }

    fn arguments_in(&self, place: Place, folder: &Path, store: &str) -> Vec<String> {
        let script = match place {
            Place::Disk(size) => &format!(r#"mount -t tmpfs -o size={size} tmpfs "$1" && shift && exec "$@""#),
            Place::ReadOnly => r#"mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@""#,
            Place::NoRights => r#"shift && exec setpriv --bounding-set=-dac_override,-dac_read_search "$@""#,
        };
        let gate = self.listener.local_addr().expect("an address").to_string();
        let (program, effects) = (built("guarded-server"), self.effects_file());
        let text = Path::to_string_lossy;
        let before = ["--map-root-user", "--mount", "sh", "-c", script, "sh", &text(folder)];
        let server = [&text(&program), "--store", store, "--gate", &gate, "--effects", &text(&effects)];
        before.into_iter().chain(server).map(ToOwned::to_owned).collect()
    }

    async fn server_with(&self, store: &str, more: &[&str]) -> Program {
        let program = built("guarded-server");
        let gate = self.listener.local_addr().expect("an address").to_string();
        let effects = self.effects_file();
        let effects = effects.to_string_lossy();
        let arguments = [&["--store", store, "--gate", &gate, "--effects", &effects], more].concat();
        Program::start(&program, &arguments).await
    }

    /// Waits for the next handler that stops.
    ///
    /// # Panics
    /// When there is none.
    pub async fn next(&self) -> Stopped {
        let (connection, _) = crate::soon("a handler stops", self.listener.accept()).await.expect("a connection");
        let mut connection = BufReader::new(connection);
        let mut step = String::new();
        connection.read_line(&mut step).await.expect("a step");
        Stopped { step: step.trim().to_owned(), connection: connection.into_inner() }
    }

    /// Waits for the next handler that stops, and checks where it does.
    ///
    /// # Panics
    /// When it stops elsewhere.
    pub async fn next_at(&self, step: &str) -> Stopped {
        let stopped = self.next().await;
        assert_eq!(stopped.step, step);
        stopped
    }

    /// Lets one handler pass all its steps.
    pub async fn let_one_pass(&self) {
        self.next_at("before-effect").await.go_on().await;
        self.next_at("after-effect").await.go_on().await;
    }

    /// The effects there were: key and attempt of each.
    #[must_use]
    pub fn effects(&self) -> Vec<String> {
        let effects = std::fs::read_to_string(self.effects_file()).unwrap_or_default();
        effects.lines().map(ToOwned::to_owned).collect()
    }
}
