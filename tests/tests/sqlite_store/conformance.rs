use std::path::PathBuf;
use std::time::Duration;

use idem_runtime::conformance::{Damage, Harness, check};
use idem_runtime::rusqlite::Connection;
use idem_runtime::store::SqliteStore;
use idem_runtime::{RecordKey, rusqlite};
use tempfile::TempDir;

/// A file that every store opens anew, as a process of its own would.
struct InFile(TempDir);

impl InFile {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("store.db")
    }

    fn connection(&self) -> Connection {
        let db = Connection::open(self.path()).unwrap();
        db.busy_timeout(Duration::from_secs(30)).unwrap();
        db
    }
}

impl Harness for InFile {
    type Store = SqliteStore;

    async fn store(&self) -> SqliteStore {
        // Longer than by default: the tests share two cores, and four stores one lock.
        SqliteStore::builder(self.path()).lock_wait(Duration::from_secs(30)).open().unwrap()
    }

    async fn pass(&self, time: Duration) {
        tokio::time::sleep(time + Duration::from_millis(3)).await;
    }

    async fn damage(&self, key: RecordKey, damage: Damage) -> bool {
        let db = self.connection();
        let key = key.as_bytes();
        match damage {
            Damage::CutOff => db.execute("UPDATE idem_records SET digest = x'00' WHERE key = ?1", [key]),
            Damage::Overwritten => db.execute("UPDATE idem_records SET head = x'ff', body = x'ff' WHERE key = ?1", [key]),
            Damage::FlippedBit => db.execute("UPDATE idem_records SET attempt = attempt | 64 WHERE key = ?1", [key]),
            Damage::NewerFormat => db.execute("UPDATE idem_records SET format = 99 WHERE key = ?1", [key]),
            Damage::CopiedTo(other) => db.execute(
                "INSERT INTO idem_records SELECT ?2, format, state, owner, fingerprint, attempt, ttl, boot, lease_until, \
                 expires, digest, head, body FROM idem_records WHERE key = ?1",
                rusqlite::params![key, other.as_bytes()],
            ),
            _ => return false,
        }
        .is_ok_and(|rows| rows == 1)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_file() {
    check(&InFile::new()).await;
}
