//! A client that is started again, and goes on with what it had begun.

use std::sync::Arc;

use client::front::{Fate, Front, Weather};
use client::shop::Order;
use idem_client::{Error, Key, Outcome, Stopped};
use idem_tests::process::{Program, built};
use parking_lot::Mutex;
use tempfile::TempDir;

use crate::fast;
use crate::peer::client;

/// The first tries meet these, all others pass.
struct Fates(Mutex<Vec<Fate>>);

impl Weather for Fates {
    fn fate(&self, _: &str) -> Fate {
        self.0.lock().pop().unwrap_or(Fate::Passes)
    }
}

#[tokio::test]
async fn a_key_that_was_kept_finishes_what_was_begun() {
    let folder = TempDir::new().unwrap();
    let store = format!("sqlite:{}", folder.path().join("shop.db").display());
    let start =
        async || Program::start(&built("client"), &["shop", "--listen", "127.0.0.1:0", "--store", &store]).await;
    let kept = folder.path().join("pending");

    // Written down before it is sent, and the answers to all tries are lost.
    let mut shop = start().await;
    let fates = Arc::new(Fates(Mutex::new(vec![Fate::BreaksOff, Fate::LosesItsAnswer])));
    let front = Front::start(shop.address, fates).await.unwrap();
    let key = Key::random();
    std::fs::write(&kept, key.as_str()).unwrap();
    let post = |client: idem_client::reqwest_middleware::ClientWithMiddleware, address, key| {
        let request = client.post(format!("http://{address}/v1/orders")).with_extension::<Key>(key);
        request.header("content-type", "application/json").body(r#"{"item":"lamp"}"#).send()
    };
    let error = post(client(fast().max_attempts(2)), front.address(), key.clone()).await.unwrap_err();
    let Some(Error::NoAnswer { outcome, .. }) = Error::of(&error) else { panic!("{error:?}") };
    assert_eq!((outcome.key(), outcome.stopped()), (Some(&key), Stopped::AttemptsSpent));

    // Server and client are both started again; all that is left is what each has written down.
    shop.kill();
    let shop = start().await;
    let key: Key = std::fs::read_to_string(&kept).unwrap().parse().unwrap();
    let response = post(client(fast()), shop.address, key).await.unwrap();
    assert!(Outcome::of(&response).unwrap().is_replay());
    assert_eq!(response.status(), 201);
    let list = reqwest::get(format!("http://{}/v1/orders", shop.address)).await.unwrap();
    assert_eq!(list.json::<Vec<Order>>().await.unwrap(), [Order { id: 1, item: "lamp".to_owned() }]);
}
