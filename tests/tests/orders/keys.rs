//! `POST` with a key.

use idem_tests::server::Seen;
use reqwest::Method;
use tokio::task::JoinSet;

use crate::{ID, Shop, lamps, one_order, refused, retried};

#[tokio::test]
async fn refused_without_a_key_made_once_with_one_and_again_with_another() {
    let shop = Shop::open().await;
    let without = Seen::of(shop.ask(Method::POST, "/v1/orders", "ann").json(&lamps(2))).await;
    assert_eq!((without.status, without.refusal().as_str()), (428, "missing_key"));
    let first = shop.post("k-1", "ann", &lamps(2)).await;
    assert_eq!((first.status, first.replayed), (201, false));
    let location = first.header("location").unwrap();
    assert_eq!(shop.get(&location, "ann").await.body, first.body);
    for _ in 0..10 {
        let again = shop.post("k-1", "ann", &lamps(2)).await;
        assert_eq!((again.status, again.replayed, &again.body), (200, true, &first.body));
        assert_eq!(again.header("location").as_ref(), Some(&location));
    }
    let other = shop.post("k-2", "ann", &lamps(2)).await;
    assert_eq!(other.status, 201);
    assert_ne!(other.header("location"), first.header("location"));
    assert_eq!(shop.post("k-1", "ann", &lamps(3)).await.refusal(), "key_reused");
    assert_eq!(shop.orders("ann").await, [other.json(), first.json()]);
}

#[tokio::test]
async fn when_the_record_has_ended_the_key_still_stands_for_its_order() {
    let shop = Shop::open().await;
    let first = shop.post("k-1", "ann", &lamps(2)).await;
    shop.end_the_records();
    assert_eq!(shop.post("k-1", "ann", &lamps(3)).await.problem(), refused(422, "key_reused"));
    let again = shop.post("k-1", "ann", &lamps(2)).await;
    assert_eq!((again.status, again.replayed, &again.body), (200, false, &first.body));
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(shop.count("orders"), 1);
}

#[tokio::test]
async fn the_same_key_of_two_users_is_two_keys() {
    let shop = Shop::open().await;
    let (ann, bob) = (shop.post("k-1", "ann", &lamps(2)).await, shop.post("k-1", "bob", &lamps(3)).await);
    assert_eq!((ann.status, bob.status), (201, 201));
    for _ in 0..2 {
        assert_eq!(shop.post("k-1", "ann", &lamps(2)).await.body, ann.body);
        assert_eq!(shop.post("k-1", "bob", &lamps(3)).await.body, bob.body);
        shop.end_the_records();
    }
    assert_eq!((shop.orders("ann").await, shop.orders("bob").await), (vec![ann.json()], vec![bob.json()]));
}

#[tokio::test]
async fn many_at_once_make_one_order() {
    let shop = std::sync::Arc::new(Shop::open().await);
    let mut answers = JoinSet::new();
    for _ in 0..64 {
        let shop = std::sync::Arc::clone(&shop);
        answers.spawn(async move { retried(|| shop.post("k-1", "ann", &lamps(2))).await });
    }
    let order = one_order(answers).await;
    assert_eq!(shop.orders("ann").await, [order]);
}

#[tokio::test]
async fn a_key_on_a_get_has_no_effect() {
    let shop = Shop::open().await;
    let list = || Seen::of(shop.ask(Method::GET, "/v1/orders", "ann").header("x-idempotency-key", "k-1"));
    assert_eq!(list().await.json(), serde_json::json!([]));
    assert_eq!(shop.count("idem_records"), 0);
    let order = shop.put(ID, "ann", &lamps(2)).await;
    let shown = list().await;
    assert_eq!((shown.replayed, shown.json()), (false, serde_json::json!([order.json()])));
    // Nor is the key used up.
    assert_eq!(shop.post("k-1", "ann", &lamps(2)).await.status, 201);
}
