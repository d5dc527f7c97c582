//! A disk that is really full.

use std::fs::File;
use std::io::Write as _;

use idem_tests::outside::{Outside, Place};
use idem_tests::process::Program;
use idem_tests::server::Seen;
use tempfile::TempDir;

fn pay(server: &Program, key: &'static str) -> impl Future<Output = Seen> {
    Seen::of(reqwest::Client::new().post(format!("http://{}/pay", server.address)).header("idempotency-key", key))
}

#[tokio::test]
async fn i46_on_a_full_disk_nothing_runs_and_what_is_finished_is_replayed() {
    let (folder, outside) = (TempDir::new().unwrap(), Outside::new().await);
    let url = format!("sqlite:{}", folder.path().join("store.db").display());
    let server = outside.server_in(Place::SmallDisk, folder.path(), &url).await;
    let (first, ()) = tokio::join!(pay(&server, "finished"), outside.let_one_pass());
    assert_eq!((first.status, first.replayed), (201, false));

    // As the server sees its disk.
    let filler = format!("/proc/{}/root{}/filler", server.pid(), folder.path().display());
    let mut file = File::create(&filler).unwrap();
    let full = loop {
        if let Err(error) = file.write_all(&[0; 1024]) {
            break error;
        }
    };
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    for _ in 0..3 {
        // A handler that ran would stop, and this would not be answered.
        assert_eq!(pay(&server, "new").await.refusal(), "store_unavailable");
        let again = pay(&server, "finished").await;
        assert!(again.replayed && again.body == first.body);
    }
    assert_eq!(outside.effects().len(), 1);

    drop(file);
    std::fs::remove_file(&filler).unwrap();
    let (paid, ()) = tokio::join!(pay(&server, "new"), outside.let_one_pass());
    assert_eq!((paid.status, paid.replayed), (201, false));
    assert_eq!(outside.effects().len(), 2);
}
