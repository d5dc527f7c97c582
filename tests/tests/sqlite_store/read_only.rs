//! A file, a folder and a disk that cannot be written to.

use std::fs::{Permissions, set_permissions};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use idem_runtime::rusqlite::Connection;
use idem_tests::outside::{Outside, Place};
use idem_tests::process::{Program, signal};
use idem_tests::server::Seen;
use idem_tests::until;
use tempfile::TempDir;

/// Under a claim that outlasts every test.
fn pay(server: &Program, key: &'static str) -> impl Future<Output = Seen> + use<> {
    let route = format!("http://{}/pay-slowly", server.address);
    Seen::of(reqwest::Client::new().post(route).header("idempotency-key", key))
}

fn url(file: &Path) -> String {
    format!("sqlite:{}", file.display())
}

/// One line, that says which file, what is wrong, and what to do.
fn assert_line(line: &str, file: &Path, problem: &str, remedy: &str) {
    let name = file.display().to_string();
    assert!(line.contains(&name) && line.contains(problem) && line.contains(remedy), "{line}");
    assert_eq!(line.trim_end().lines().count(), 1, "{line}");
}

/// Puts the log into the file, and leaves nothing beside it: as the last connection does that is closed.
fn tidy_up(file: &Path) {
    Connection::open(file).unwrap().execute_batch("SELECT count(*) FROM idem_records").unwrap();
    assert!(!file.with_file_name("store.db-wal").exists());
}

#[tokio::test]
async fn i53_on_a_read_only_file_system_no_server_starts_and_nothing_is_lost() {
    let (folder, outside) = (TempDir::new().unwrap(), Outside::new().await);
    let file = folder.path().join("store.db");
    let assert_refused = async || {
        let line = outside.refusal_in(Place::ReadOnly, folder.path(), &url(&file)).await;
        assert_line(&line, &file, "is on a read-only file system", "mount that for writing (`mount -o remount,rw`)");
    };
    assert_refused().await;
    assert!(!file.exists());

    let mut server = outside.server_on(&url(&file)).await;
    let (first, ()) = tokio::join!(pay(&server, "paid"), outside.let_one_pass());
    assert_eq!((first.status, first.replayed), (201, false));
    // With the log beside it, as a machine that goes down leaves it.
    server.kill();
    assert_refused().await;

    tidy_up(&file);
    assert_refused().await;

    let server = outside.server_on(&url(&file)).await;
    let again = pay(&server, "paid").await;
    assert!(again.replayed && again.body == first.body);
    assert_eq!(outside.effects().len(), 1);
}

#[tokio::test]
async fn without_the_right_to_write_no_server_starts() {
    let outside = Outside::new().await;
    // Whether there is a file; the file's permissions, and the folder's.
    for (exists, file_mode, folder_mode) in
        [(false, 0, 0o555), (true, 0o444, 0o755), (true, 0o444, 0o555), (true, 0o644, 0o555), (true, 0o000, 0o755)]
    {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("store.db");
        if exists {
            let mut server = outside.server_on(&url(&file)).await;
            server.kill();
            tidy_up(&file);
            set_permissions(&file, Permissions::from_mode(file_mode)).unwrap();
        }
        set_permissions(folder.path(), Permissions::from_mode(folder_mode)).unwrap();
        let line = outside.refusal_in(Place::NoRights, folder.path(), &url(&file)).await;
        set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let remedy = "give this process the right to read and write the file and its folder, or name another file";
        assert_line(&line, &file, "SQLite database", remedy);
    }
}

/// As long as this runs, the system tells a server that its database's disk is read-only: what it does of itself when a disk
/// has failed. To mount a disk anew is refused while a file on it is open for writing.
struct ReadOnlyDisk(Child);

impl ReadOnlyDisk {
    fn under(server: &Program, file: &Path) -> Self {
        let (pid, file) = (server.pid().to_string(), file.to_string_lossy());
        // From inside: there it may look into the server whoever runs this test.
        let mut strace = Command::new("nsenter");
        strace.args(["--user", "--mount", "--preserve-credentials", "--target", &pid]);
        strace.args(["strace", "--attach", &pid, "--follow-forks", "--output=/dev/null"]);
        for end in ["", "-wal", "-shm"] {
            strace.args(["--trace-path", &format!("{file}{end}")]);
        }
        strace.args(["--trace=pwrite64,ftruncate,fallocate", "--inject=pwrite64,ftruncate,fallocate:error=EROFS"]);
        let mut strace = strace.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().expect("strace");
        let mut said = String::new();
        let mut lines = BufReader::new(strace.stderr.take().unwrap());
        while !said.contains("attached") {
            assert_ne!(lines.read_line(&mut said).unwrap(), 0, "{said}");
        }
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Self(strace)
    }

    /// It can be written to again.
    async fn end(mut self) {
        signal(self.0.id(), "TERM");
        until("strace's end", async || self.0.try_wait().unwrap()).await;
    }
}

impl Drop for ReadOnlyDisk {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn i53_i46_while_its_disk_is_read_only_a_server_runs_nothing_and_replays_what_is_finished() {
    let (folder, outside) = (TempDir::new().unwrap(), Outside::new().await);
    let file = folder.path().join("store.db");
    let server = outside.server_in(Place::Disk("64m"), folder.path(), &url(&file)).await;
    let (first, ()) = tokio::join!(pay(&server, "finished"), outside.let_one_pass());
    assert_eq!((first.status, first.replayed), (201, false));

    // One runs as the disk fails.
    let running = tokio::spawn(pay(&server, "running"));
    outside.next_at("before-effect").await.go_on().await;
    let last_step = outside.next_at("after-effect").await;
    let disk = ReadOnlyDisk::under(&server, &file);
    for _ in 0..3 {
        // A handler that ran would stop, and this would not be answered.
        assert_eq!(pay(&server, "new").await.refusal(), "store_unavailable");
        let again = pay(&server, "finished").await;
        assert!(again.replayed && again.body == first.body);
    }
    last_step.go_on().await;
    assert_eq!(pay(&server, "running").await.refusal(), "in_progress");
    assert_eq!(outside.effects().len(), 2);

    disk.end().await;
    let ran = running.await.unwrap();
    assert_eq!((ran.status, ran.replayed), (201, false));
    let again = pay(&server, "running").await;
    assert!(again.replayed && again.body == ran.body);
    let (paid, ()) = tokio::join!(pay(&server, "new"), outside.let_one_pass());
    assert_eq!((paid.status, paid.replayed), (201, false));
    assert_eq!(outside.effects().len(), 3);
}
