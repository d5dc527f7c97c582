//! A disk that is really full.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use idem_tests::outside::{Outside, Place};
use idem_tests::process::Program;
use idem_tests::server::Seen;
use tempfile::TempDir;

/// Under a claim that outlasts every test.
fn pay(server: &Program, key: &'static str) -> impl Future<Output = Seen> + use<> {
    let route = format!("http://{}/pay-slowly", server.address);
    Seen::of(reqwest::Client::new().post(route).header("idempotency-key", key))
}

/// Fills the disk on which a server has its store, until it is dropped.
struct Filler(PathBuf);

impl Filler {
    fn on_the_disk_of(server: &Program, folder: &Path) -> Self {
        // As the server sees it.
        let path = PathBuf::from(format!("/proc/{}/root{}/filler", server.pid(), folder.display()));
        let mut file = File::create(&path).unwrap();
        let full = loop {
            if let Err(error) = file.write_all(&[0; 1024]) {
                break error;
            }
        };
        assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
        Self(path)
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).unwrap();
    }
}

#[tokio::test]
async fn i46_on_a_full_disk_nothing_runs_and_what_is_finished_is_replayed() {
    let (folder, outside) = (TempDir::new().unwrap(), Outside::new().await);
    let url = format!("sqlite:{}", folder.path().join("store.db").display());
    let server = outside.server_in(Place::Disk("2m"), folder.path(), &url).await;
    let (first, ()) = tokio::join!(pay(&server, "finished"), outside.let_one_pass());
    assert_eq!((first.status, first.replayed), (201, false));

    let filler = Filler::on_the_disk_of(&server, folder.path());
    for _ in 0..3 {
        // A handler that ran would stop, and this would not be answered.
        assert_eq!(pay(&server, "new").await.refusal(), "store_unavailable");
        let again = pay(&server, "finished").await;
        assert!(again.replayed && again.body == first.body);
    }
    assert_eq!(outside.effects().len(), 1);

    drop(filler);
    let (paid, ()) = tokio::join!(pay(&server, "new"), outside.let_one_pass());
    assert_eq!((paid.status, paid.replayed), (201, false));
    assert_eq!(outside.effects().len(), 2);
}

#[tokio::test]
async fn i19_i22_an_answer_for_which_the_disk_has_no_room_is_kept_once_it_has() {
    let (folder, outside) = (TempDir::new().unwrap(), Outside::new().await);
    let url = format!("sqlite:{}", folder.path().join("store.db").display());
    let server = outside.server_in(Place::Disk("2m"), folder.path(), &url).await;
    let (mut running, mut at_their_ends) = (Vec::new(), Vec::new());
    for key in ["one", "two", "three"] {
        running.push((key, tokio::spawn(pay(&server, key))));
        outside.next_at("before-effect").await.go_on().await;
        at_their_ends.push(outside.next_at("after-effect").await);
    }

    let filler = Filler::on_the_disk_of(&server, folder.path());
    for handler in at_their_ends {
        handler.go_on().await;
    }
    for _ in 0..10 {
        assert_eq!(pay(&server, "new").await.refusal(), "store_unavailable");
        assert_eq!(pay(&server, "one").await.refusal(), "in_progress");
    }

    drop(filler);
    for (key, running) in running {
        let first = running.await.unwrap();
        assert_eq!((first.status, first.replayed), (201, false));
        let again = pay(&server, key).await;
        assert!(again.replayed && again.body == first.body, "{again:?}");
    }
    assert_eq!(outside.effects().len(), 3);
}

#[tokio::test]
async fn where_there_is_no_room_for_a_database_no_server_starts() {
    let (folder, outside) = (TempDir::new().unwrap(), Outside::new().await);
    let url = format!("sqlite:{}", folder.path().join("store.db").display());
    // None for the file, none for the index of its log, none for the tables.
    for size in ["4k", "16k", "48k"] {
        let line = outside.refusal_in(Place::Disk(size), folder.path(), &url).await;
        assert!(line.ends_with("the disk is full: make room on it, or name a file on another\n"), "{size}: {line}");
        assert_eq!(line.lines().count(), 1, "{line}");
    }
}
