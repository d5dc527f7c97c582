//! Programs that a test starts, stops and kills.

use std::io::{BufRead as _, BufReader, Read};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use crate::server::Seen;

/// A port that was free just now, and that this process has not given out before.
///
/// None that the system itself gives out: by the time that a server has started, somebody's connection might have it. And
/// none whose number plus 10,000 it gives out: that is where the nodes of a Redis cluster talk to each other.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn free_port() -> u16 {
    const PORTS: std::ops::Range<u16> = 10_240..22_000;
    static NEXT: OnceLock<AtomicUsize> = OnceLock::new();
    // Other processes that test at the same time begin elsewhere.
    let next = NEXT.get_or_init(|| AtomicUsize::new(rand::random_range(0..PORTS.len())));
    let mut ports = std::iter::repeat_with(|| PORTS.start + (next.fetch_add(1, Relaxed) % PORTS.len()) as u16);
    ports.by_ref().take(PORTS.len()).find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("a free port")
}

/// Sends a signal.
///
/// # Panics
/// When there is no such process.
pub fn signal(pid: u32, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status().expect("kill");
    assert!(status.success(), "kill -{name} {pid}");
}

/// A process, as the system has it in its list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process {
    /// Not one that has ended, and that nobody has asked for yet.
    pub(crate) runs: bool,
    pub(crate) parent: u32,
    pub(crate) group: u32,
}

impl Process {
    /// The one of this number, unless it has gone.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let line = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // After the name, which may contain anything, in parentheses.
        let mut fields = line.rsplit_once(") ")?.1.split(' ');
        let runs = fields.next()? != "Z";
        Some(Self { runs, parent: fields.next()?.parse().ok()?, group: fields.next()?.parse().ok()? })
    }
}

/// All processes there are, with their numbers.
pub(crate) fn processes() -> impl Iterator<Item = (u32, Process)> {
    let folders = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = folders.filter_map(|folder| folder.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| Some((pid, Process::of(pid)?)))
}

/// What comes through a pipe, line by line. It is read to its end, or the program behind it would block on a full pipe.
pub fn overheard(pipe: impl Read + Send + 'static) -> Arc<Mutex<String>> {
    let mut lines = BufReader::new(pipe);
    let output = Arc::new(Mutex::new(String::new()));
    let written = Arc::clone(&output);
    std::thread::spawn(move || {
        let mut line = String::new();
        while lines.read_line(&mut line).is_ok_and(|read| read > 0) {
            written.lock().push_str(&line);
            line.clear();
        }
    });
    output
}

/// How a program of the tests' own ends, with a line that says why if it is not well.
#[allow(clippy::print_stderr, reason = "the one line that says why the program ends")]
pub fn exit_code(program: &str, ended: Result<(), Box<dyn std::error::Error>>) -> ExitCode {
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{program}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A server program in a process of its own. It is killed when it is dropped.
#[derive(Debug)]
pub struct Program {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    output: Arc<Mutex<String>>,
}

impl Program {
    /// Starts a program that prints, within one line, `listening on http://ADDRESS`.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(program: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let output = overheard(child.stdout.take().expect("its output"));
        let address = crate::until("the program listens", async || {
            let output = output.lock();
            let (_, rest) = output.split_once("listening on http://")?;
            let (line, _) = rest.split_once('\n')?;
            let address: String = line.chars().take_while(|c| c.is_ascii_digit() || ".:".contains(*c)).collect();
            address.parse().ok()
        })
        .await;
        Self { child, address, output }
    }

    /// What it answers to a `POST` under this key.
    pub fn send(&self, path: &str, key: &str) -> impl Future<Output = Seen> + Send + 'static {
        let request = reqwest::Client::new().post(format!("http://{}{path}", self.address));
        Seen::of(request.header("idempotency-key", key))
    }

    /// What it has printed so far.
    #[must_use]
    pub fn output(&self) -> String {
        self.output.lock().clone()
    }

    /// Its number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// `kill -9`.
    ///
    /// # Panics
    /// When it has ended already.
    pub fn kill(&mut self) {
        self.child.kill().expect("a kill");
        self.child.wait().expect("its end");
    }

    /// Waits for its end, and gives its exit code.
    pub async fn ended(&mut self) -> Option<i32> {
        crate::until("the program's end", async || Some(self.child.try_wait().ok()??.code())).await
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program of this workspace, built if need be.
///
/// # Panics
/// When it does not build.
#[must_use]
pub fn built(program: &str) -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        // All of them with all features, as the tests are built: anything less would build the libraries anew.
        let arguments = ["build", "--quiet", "--locked", "--workspace", "--all-features", "--bins"];
        let status = Command::new(cargo).args(arguments).status().expect("cargo");
        assert!(status.success(), "cargo build");
    });
    // Tests are in a folder beside the programs: target/debug/deps/NAME-HASH -> target/debug.
    let mut folder = std::env::current_exe().expect("this test's path");
    folder.pop();
    if folder.ends_with("deps") {
        folder.pop();
    }
    folder.join(program)
}
