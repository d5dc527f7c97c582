//! A real `postgres` on a free port, which a test may kill, stop and start again.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tempfile::TempDir;

use crate::process::{Process, free_port, processes, signal};

/// PostgreSQL does not run as root. Debian's package makes this user, and every system has the other one.
const USERS: [&str; 2] = ["postgres", "nobody"];

/// A `postgres` with its data in a folder of its own. It is killed when it is dropped, with all its processes.
#[derive(Debug)]
pub struct PostgresServer {
    port: u16,
    folder: TempDir,
    user: Option<&'static str>,
    options: Vec<String>,
    child: Option<Child>,
}

impl PostgresServer {
    /// One that writes to disk before it answers, as it does by default, so that a kill loses nothing.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// One with these settings, each as `NAME=VALUE`.
    ///
    /// # Panics
    /// When PostgreSQL is not installed or does not start.
    pub async fn with(settings: &[&str]) -> Self {
        let mut server = Self {
            port: free_port(),
            folder: TempDir::new().expect("a folder"),
            user: user(),
            options: settings.iter().map(ToString::to_string).collect(),
            child: None,
        };
        // The folder itself belongs to us; the other user only has to get through it.
        fs::set_permissions(server.folder.path(), fs::Permissions::from_mode(0o711)).expect("rights");
        let data = server.data();
        fs::create_dir(&data).expect("a folder");
        if let Some(user) = server.user {
            finished(Command::new("chown").arg(user).arg(&data));
        }
        let data = data.to_string_lossy().into_owned();
        let arguments =
            ["--username=tester", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "-D", &data];
        finished(server.command("initdb").args(arguments));
        // Checkpointed by its first orderly start at the latest; what matters is what is written from then on.
        server.restart().await;
        server
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A program of PostgreSQL's, as the user that it runs under.
    fn command(&self, program: &str) -> Command {
        let program = binary(program);
        let mut command = match self.user {
            // Becomes the program, and so is the server's own process.
            Some(user) => {
                let mut command = Command::new("setpriv");
                let group =
                    String::from_utf8(finished(Command::new("id").args(["-g", user])).stdout).expect("a number");
                command.args([
                    &format!("--reuid={user}"),
                    &format!("--regid={}", group.trim()),
                    "--clear-groups",
                    "--",
                ]);
                command.arg(program);
                command
            }
            None => Command::new(program),
        };
        // A folder that every user may be in.
        command.current_dir("/").env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command
    }

    /// The URL for clients.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://tester@127.0.0.1:{}/postgres?sslmode=disable", self.port)
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
        let log = fs::File::create(self.folder.path().join("log")).expect("a log");
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data()).args(["-p", &self.port.to_string(), "-h", "127.0.0.1", "-k", ""]);
        for option in &self.options {
            command.args(["-c", option]);
        }
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        self.child = Some(child.expect("postgres (tests/run installs it)"));
        let answers = async || {
            if let Some(status) = self.child.as_mut()?.try_wait().expect("its state") {
                let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
                panic!("postgres ended, {status}: {log}");
            }
            PgConnection::connect_with(&self.connect_options()).await.ok()
        };
        crate::until("postgres answers", answers).await;
    }

    fn connect_options(&self) -> PgConnectOptions {
        self.url().parse().expect("a URL")
    }

    /// A connection of the test's own.
    ///
    /// # Panics
    /// When there is none.
    pub async fn connection(&self) -> PgConnection {
        PgConnection::connect_with(&self.connect_options()).await.expect("a connection")
    }

    /// Runs SQL of the test's own, one statement or several.
    ///
    /// # Panics
    /// When the server refuses it.
    pub async fn run(&self, sql: &str) {
        let mut connection = self.connection().await;
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.expect(sql);
    }

    /// The one row that a query of the test's own gives.
    ///
    /// # Panics
    /// When it gives none.
    pub async fn row(&self, sql: &str) -> PgRow {
        sqlx::query(AssertSqlSafe(sql)).fetch_one(&mut self.connection().await).await.expect(sql)
    }

    /// Lets `user` in with its password only.
    ///
    /// # Panics
    /// When that cannot be set.
    pub async fn require_password_of(&self, user: &str) {
        let rules = self.data().join("pg_hba.conf");
        let before = fs::read_to_string(&rules).expect("rules");
        fs::write(&rules, format!("host all {user} 127.0.0.1/32 scram-sha-256\n{before}")).expect("rules");
        self.run("SELECT pg_reload_conf()").await;
        let options = self.connect_options().username(user).password("");
        crate::until("the new rules", async || PgConnection::connect_with(&options).await.err()).await;
    }

    /// `kill -9` of the server and of every process that it has started.
    ///
    /// # Panics
    /// When it does not run.
    pub fn kill(&mut self) {
        assert!(self.child.is_some(), "a running server");
        self.end();
    }

    /// Stops it, with every process that it has started, so that it answers nothing.
    ///
    /// # Panics
    /// When it does not run.
    pub fn pause(&self) {
        // The parent first: it can start no others then.
        let child = self.child.as_ref().expect("a running server").id();
        signal(child, "STOP");
        children(child).into_iter().for_each(|process| signal_if_there(process, "STOP"));
    }

    /// Lets it go on.
    ///
    /// # Panics
    /// When it does not run.
    pub fn go_on(&self) {
        let child = self.child.as_ref().expect("a running server").id();
        children(child).into_iter().for_each(|process| signal_if_there(process, "CONT"));
        signal(child, "CONT");
    }

    fn end(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        // Stopped first, so that nobody is started between the list and the kill; and each has to be gone before
        // another server may use the data.
        signal_if_there(child.id(), "STOP");
        let processes = children(child.id());
        processes.iter().for_each(|&process| signal_if_there(process, "KILL"));
        let _ = child.kill();
        let _ = child.wait();
        while processes.iter().any(|&process| runs(process)) {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        self.end();
    }
}

/// Who the server has to run as, if we may not be it ourselves.
fn user() -> Option<&'static str> {
    let id = |arguments: &[&str]| Command::new("id").args(arguments).output().expect("id");
    if id(&["-u"]).stdout.trim_ascii() != b"0" {
        return None;
    }
    Some(USERS.into_iter().find(|user| id(&["-u", user]).status.success()).expect("a user that is not root"))
}

/// Debian keeps the programs of each version in a folder of its own; the newest is taken.
fn binary(program: &str) -> PathBuf {
    let version = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found: Vec<PathBuf> = versions.filter(|path| path.join("bin").join(program).exists()).collect();
    found.sort_by_key(|path| version(path));
    found.pop().map_or_else(|| program.into(), |path| path.join("bin").join(program))
}

/// Runs a program to its end.
fn finished(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).output().expect("a program (tests/run installs PostgreSQL)");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// The processes that `parent` has started.
fn children(parent: u32) -> Vec<u32> {
    processes().filter(|(_, process)| process.parent == parent).map(|(pid, _)| pid).collect()
}

fn runs(pid: u32) -> bool {
    Process::of(pid).is_some_and(|process| process.runs)
}

fn signal_if_there(process: u32, name: &str) {
    let _ = Command::new("kill").args([&format!("-{name}"), &process.to_string()]).stderr(Stdio::null()).status();
}
