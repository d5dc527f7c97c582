//! The answer is lost, or the program is killed on the way to it: the retry gets the one order.

use idem_tests::process::{Program, built};
use idem_tests::proxy::{Fate, Proxy};
use idem_tests::server::Seen;
use idem_tests::until;
use reqwest::{Client, Method, RequestBuilder};
use tempfile::TempDir;

use crate::{ID, Shop, file_in, lamps, retried, start};

/// The three ways to order.
#[derive(Clone, Copy, Debug)]
enum Way {
    Put,
    Post,
    Commit,
}

const WAYS: [Way; 3] = [Way::Put, Way::Post, Way::Commit];

impl Way {
    /// What is sent, by this way, to a server on `port`.
    fn request(self, port: u16, draft: &str) -> RequestBuilder {
        let (method, path) = match self {
            Self::Put => (Method::PUT, format!("/v1/orders/{ID}")),
            Self::Post => (Method::POST, "/v1/orders".to_owned()),
            Self::Commit => (Method::PUT, format!("{draft}/commit")),
        };
        let request = Client::new().request(method, format!("http://127.0.0.1:{port}{path}")).bearer_auth("ann");
        match self {
            Self::Put => request.json(&lamps(2)),
            Self::Post => request.json(&lamps(2)).header("x-idempotency-key", "k-1"),
            Self::Commit => request,
        }
    }
}

/// Starts a program that a test stops where its store commits, and kills it there. Gives the shop that is opened on what it
/// has left, and the draft.
async fn killed(way: Way, step: &str) -> (Shop, String) {
    let folder = TempDir::new().unwrap();
    // Makes the tables and the draft.
    let mut shop = Shop { program: start(&folder, &[]).await, folder };
    let draft = shop.draft("ann", &lamps(2)).await;
    let gate = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let arguments = [
        "--file",
        &shop.folder.path().join("orders.db").display().to_string(),
        "--gate",
        &gate.local_addr().unwrap().to_string(),
        "--stop-at",
        step,
    ]
    .map(ToOwned::to_owned);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut gated = Program::start(&built("gated-orders"), &arguments).await;
    let lost = tokio::spawn(way.request(gated.address.port(), &draft).send());
    let (stopped, _) = idem_tests::soon("the program stops", gate.accept()).await.unwrap();
    gated.kill();
    drop(stopped);
    assert!(lost.await.unwrap().is_err(), "the client has no answer");
    shop.program = start(&shop.folder, &[]).await;
    (shop, draft)
}

#[tokio::test]
async fn killed_when_the_order_is_written_and_not_committed_there_is_none_and_the_retry_makes_it() {
    for way in WAYS {
        let (shop, draft) = killed(way, "before-completion").await;
        assert_eq!(shop.count("orders"), 0, "{way:?}");
        let port = shop.program.address.port();
        // Told to come again until the lease of the one that was killed has ended.
        let retry = retried(|| Seen::of(way.request(port, &draft))).await;
        assert_eq!((retry.status, retry.replayed), (201, false), "{way:?}");
        let again = Seen::of(way.request(port, &draft)).await;
        assert_eq!((again.status, again.replayed, &again.body), (200, true, &retry.body), "{way:?}");
        assert_eq!(shop.orders("ann").await, [retry.json()], "{way:?}");
    }
}

#[tokio::test]
async fn killed_when_the_order_is_committed_and_not_answered_the_retry_gets_it() {
    for way in WAYS {
        let (shop, draft) = killed(way, "after-completion").await;
        assert_eq!(shop.count("orders"), 1, "{way:?}");
        let retry = Seen::of(way.request(shop.program.address.port(), &draft)).await;
        assert_eq!((retry.status, retry.replayed), (200, true), "{way:?}");
        assert_eq!(shop.orders("ann").await, [retry.json()], "{way:?}");
    }
}

#[tokio::test]
async fn the_answer_is_lost_and_the_program_is_killed_and_started_again() {
    for way in WAYS {
        let mut shop = Shop::open().await;
        let draft = shop.draft("ann", &lamps(2)).await;
        let proxy = Proxy::start(shop.program.address.port(), b"Bearer ann").await;
        proxy.next([Fate::LosesItsAnswer]);
        // Header names are sent as they are written, and this value is in every request.
        let lost = way.request(proxy.port(), &draft).send().await;
        assert!(lost.is_err() && proxy.left() == 0, "{way:?}: {lost:?}");
        let file = file_in(&shop.folder);
        let is_there = async || {
            let orders: u32 = file.query_row("SELECT count(*) FROM orders", (), |row| row.get(0)).unwrap();
            (orders == 1).then_some(())
        };
        until("the order is there", is_there).await;
        shop.program.kill();
        shop.program = start(&shop.folder, &[]).await;
        let retry = Seen::of(way.request(shop.program.address.port(), &draft)).await;
        assert_eq!((retry.status, retry.replayed), (200, true), "{way:?}");
        assert_eq!(shop.orders("ann").await, [retry.json()], "{way:?}");
    }
}
