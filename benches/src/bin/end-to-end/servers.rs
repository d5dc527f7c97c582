//! The measured programs, each in a process of its own on one processor core, and the databases on the other one.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use idem_tests::postgres_server::PostgresServer;
use idem_tests::process::Program;
use idem_tests::redis_server::RedisServer;
use tempfile::TempDir;

use crate::connection::Connection;
use crate::plan::Subject;

/// A measured program.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) program: Program,
    /// Asked beside the load.
    control: Connection,
}

impl Server {
    pub(crate) async fn start(subject: Subject, core: usize, store: &Database) -> io::Result<Self> {
        let program = if subject.peer { peers() } else { beside("bench-server")? };
        let (core, url) = (core.to_string(), store.url(subject.name).await);
        let mut arguments = vec![subject.name, &core];
        arguments.extend(url.as_deref());
        let program = Program::start(&program, &arguments).await;
        let control = Connection::open(program.address)?;
        Ok(Self { program, control })
    }

    /// How often its handlers have run.
    pub(crate) fn effects(&mut self) -> io::Result<u64> {
        let answer = self.control.ask("GET", "/effects")?;
        let text = std::str::from_utf8(answer.body).map_err(io::Error::other)?;
        text.parse().map_err(io::Error::other)
    }

    /// Ends what is held.
    pub(crate) fn release(&mut self) -> io::Result<()> {
        self.control.ask("POST", "/release").map(drop)
    }

    /// How long its threads have been on the processor, in nanoseconds.
    pub(crate) fn cpu(&self) -> io::Result<u64> {
        let mut all = 0;
        for thread in std::fs::read_dir(format!("/proc/{}/task", self.program.pid()))? {
            let line = std::fs::read_to_string(thread?.path().join("schedstat"))?;
            let spent = line.split(' ').next().and_then(|first| first.parse::<u64>().ok());
            all += spent.ok_or_else(|| io::Error::other("the kernel counts no processor time (schedstat)"))?;
        }
        Ok(all)
    }
}

/// What a store keeps its records in.
#[derive(Debug)]
pub(crate) enum Database {
    Memory,
    Redis(RedisServer),
    Sqlite(TempDir),
    Postgres(PostgresServer),
}

const NOTHING_ON_DISK: [&str; 4] = ["--save", "", "--appendonly", "no"];

impl Database {
    /// Its version, if it is not a part of the program.
    pub(crate) async fn version(&self) -> Option<String> {
        match self {
            Self::Redis(server) => Some(format!("Redis {}", server.info("redis_version").await?)),
            Self::Postgres(server) => {
                let version: String = sqlx::Row::get(&server.row("SHOW server_version").await, 0);
                Some(format!("PostgreSQL {version}"))
            }
            Self::Memory | Self::Sqlite(_) => None,
        }
    }

    pub(crate) async fn start(store: &str) -> io::Result<Self> {
        Ok(match store {
            "redis" => Self::Redis(RedisServer::with(&NOTHING_ON_DISK).await),
            "newer-redis" => Self::Redis(RedisServer::newer("redis", &NOTHING_ON_DISK).await),
            "postgres" => {
                let server = PostgresServer::with(&["max_connections=100"]).await;
                server.run("CREATE TABLE payments (id bigserial PRIMARY KEY, note bytea NOT NULL)").await;
                Self::Postgres(server)
            }
            "sqlite" => Self::Sqlite(TempDir::new()?),
            _ => Self::Memory,
        })
    }

    /// Where this program finds it.
    async fn url(&self, subject: &str) -> Option<String> {
        match self {
            Self::Redis(server) if subject.starts_with("redis") => Some(server.url()),
            Self::Postgres(server) if subject.starts_with("postgres") => Some(server.url()),
            // Each has a file, and a writer, of its own.
            Self::Sqlite(folder) if subject.starts_with("sqlite") => {
                Some(folder.path().join(format!("{subject}.db")).to_string_lossy().into_owned())
            }
            _ => None,
        }
    }
}

/// What has to be installed for this store.
pub(crate) fn check_installed(store: &str) -> io::Result<()> {
    let on_path = |program: &str| {
        std::env::var_os("PATH")
            .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).exists()))
    };
    // Debian keeps the server's programs out of the PATH.
    let debian = || std::fs::read_dir("/usr/lib/postgresql").is_ok_and(|mut versions| versions.next().is_some());
    let (there, package) = match store {
        "redis" => (on_path("redis-server"), "redis-server"),
        "postgres" => (on_path("initdb") || debian(), "postgresql"),
        _ => return Ok(()),
    };
    if there {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "{store}: not installed. `apt-get install {package}`, or run `tests/run`, which installs all that is missing; or \
         measure other stores with `--only`"
    )))
}

/// Builds the programs.
pub(crate) fn build() -> io::Result<()> {
    let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/Cargo.toml");
    let peers = peers.to_string_lossy();
    let target = target()?.join("peers");
    let target = target.to_string_lossy();
    cargo(&["build", "--release", "--locked", "-p", "idem-benches", "--bin", "bench-server"])?;
    // One of them asks for a later Rust than it needs.
    cargo(&[
        "build",
        "--release",
        "--locked",
        "--ignore-rust-version",
        "--manifest-path",
        &peers,
        "--target-dir",
        &target,
    ])
}

fn cargo(arguments: &[&str]) -> io::Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    // What an outer cargo says of this program would have build scripts run anew.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
            command.env_remove(name);
        }
    }
    let status = command.args(arguments).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("cargo {}", arguments.join(" ")))) }
}

/// target/release/end-to-end -> target
fn target() -> io::Result<PathBuf> {
    let here = std::env::current_exe()?;
    here.ancestors().nth(2).map(Path::to_owned).ok_or_else(|| io::Error::other("no target folder"))
}

fn beside(program: &str) -> io::Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name(program))
}

fn peers() -> PathBuf {
    target().unwrap_or_default().join("peers/release/idem-bench-peers")
}
