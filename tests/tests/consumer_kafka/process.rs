//! Consumers in processes of their own, and the ledger that they share.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use consumer::books::{self, Booking};
use idem_runtime::admin::Operation;
use idem_runtime::rusqlite::Connection;
use idem_runtime::{Idempotency, MemoryStore, SqliteStore};
use idem_tests::outside::Outside;
use idem_tests::process::{built, overheard, signal};
use idem_tests::until;
use parking_lot::Mutex;
use tempfile::TempDir;

use crate::broker::{Broker, GROUP, TOPIC};

/// A file with bookings and records.
pub(crate) struct Ledger {
    folder: TempDir,
    store: SqliteStore,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let store = SqliteStore::open(folder.path().join("ledger.db")).unwrap();
        Self { folder, store }
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("ledger.db")
    }

    pub(crate) fn store(&self) -> &SqliteStore {
        &self.store
    }

    /// Another connection to the file.
    pub(crate) fn connection(&self) -> Connection {
        let db = Connection::open(self.file()).unwrap();
        db.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
        db
    }

    pub(crate) async fn bookings(&self) -> Vec<Booking> {
        books::all(&self.store).await.unwrap()
    }

    /// How often each message was booked.
    pub(crate) async fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for booking in self.bookings().await {
            *counts.entry(booking.message).or_default() += 1;
        }
        counts
    }

    /// What each account was given, in the order of the bookings.
    pub(crate) async fn by_account(&self) -> BTreeMap<String, Vec<i64>> {
        let mut accounts: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for booking in self.bookings().await {
            accounts.entry(booking.account).or_default().push(booking.cents);
        }
        accounts
    }

    /// Checks that these were booked once each, and nothing else.
    pub(crate) async fn has_once(&self, ids: impl IntoIterator<Item = String>) {
        let once: BTreeMap<_, _> = ids.into_iter().map(|id| (id, 1)).collect();
        assert_eq!(self.counts().await, once);
    }
}

/// What the message of this id is called in the log.
pub(crate) fn key(id: impl AsRef<str>) -> String {
    let admin = Idempotency::new(MemoryStore::new()).admin();
    admin.key(&Operation::Job("book".to_owned()), Some(TOPIC), id.as_ref()).to_string()[..16].to_owned()
}

/// A consumer's process. It is killed when it is dropped.
pub(crate) struct Consumer {
    child: Child,
    output: Arc<Mutex<String>>,
}

impl Consumer {
    pub(crate) fn start(broker: &Broker, ledger: &Ledger, options: &[&str]) -> Self {
        let defaults = [["--hand-over", "1s"], ["--lease", "1s"]];
        let mut consumer = Command::new(built("consumer"));
        let consumer = consumer
            .args(["kafka", "--brokers", &broker.address(), "--topic", TOPIC, "--group", GROUP])
            .args(["--session-timeout", "3200ms"])
            .args(defaults.into_iter().filter(|[name, _]| !options.contains(name)).flatten())
            .arg("--ledger")
            .arg(ledger.file())
            .args(options);
        Self::of(consumer)
    }

    /// One that stops where its store claims or commits.
    pub(crate) fn gated(broker: &Broker, ledger: &Ledger, outside: &Outside, options: &[&str]) -> Self {
        let mut consumer = Command::new(built("gated-consumer"));
        let consumer = consumer
            .args(["kafka", "--url", &broker.address(), "--queue", TOPIC, "--name", GROUP])
            .args(["--gate", &outside.gate().to_string()])
            .arg("--ledger")
            .arg(ledger.file())
            .args(options);
        Self::of(consumer)
    }

    fn of(consumer: &mut Command) -> Self {
        let mut child = consumer.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let output = overheard(child.stderr.take().unwrap());
        Self { child, output }
    }

    /// The lines in which it has said this.
    pub(crate) fn said(&self, text: &str) -> Vec<String> {
        self.output.lock().lines().filter(|line| line.contains(text)).map(str::to_owned).collect()
    }

    /// The [keys](key) of the messages of which it has said this.
    pub(crate) fn keys(&self, text: &str) -> Vec<String> {
        let said = self.said(text);
        let key = |line: &String| Some(line.split_once("key=\"")?.1.split_once('"')?.0.to_owned());
        said.iter().filter_map(key).collect()
    }

    /// Waits until it has said this so often.
    pub(crate) async fn says(&self, text: &str, times: usize) {
        until(text, async || (self.said(text).len() >= times).then_some(())).await;
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end, and waits for that.
    pub(crate) async fn stop(&mut self) {
        self.signal("TERM");
        let code = until("the consumer's end", async || Some(self.child.try_wait().unwrap()?.code())).await;
        assert_eq!(code, Some(0), "{}", self.output.lock());
        // That no message was booked twice was the guard's doing, and not that of the bookings' constraint.
        assert!(self.said("its record has ended").is_empty(), "{}", self.output.lock());
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("a consumer has said:\n{}", self.output.lock());
        }
    }
}
