//! `PUT` with an id that the client made: the URL is the key.

use serde_json::json;
use tokio::task::JoinSet;

use crate::{ID, Shop, lamps, one_order, refused, retried, spellings};

#[tokio::test]
async fn the_first_one_makes_the_order_and_all_others_get_it() {
    let shop = Shop::open().await;
    let first = shop.put(ID, "ann", &lamps(2)).await;
    assert_eq!((first.status, first.replayed), (201, false));
    assert_eq!(first.json(), json!({ "id": ID, "item": "lamp", "quantity": 2 }));
    let location = first.header("location").unwrap();
    for _ in 0..10 {
        let again = shop.put(ID, "ann", &lamps(2)).await;
        assert_eq!((again.status, again.replayed, &again.body), (200, true, &first.body));
        assert_eq!(again.header("location").as_ref(), Some(&location));
    }
    let shown = shop.get(&location, "ann").await;
    assert_eq!((shown.status, shown.body), (200, first.body.clone()));
    assert_eq!(shop.orders("ann").await, [first.json()]);
}

#[tokio::test]
async fn the_same_written_in_another_way_is_the_same() {
    let shop = Shop::open().await;
    let first = shop.put(ID, "ann", &lamps(2)).await;
    let body = "{ \"quantity\": 2,\n  \"item\": \"lamp\" }";
    let request = shop.ask(reqwest::Method::PUT, &format!("/v1/orders/{ID}"), "ann");
    let again =
        idem_tests::server::Seen::of(request.header("content-type", "application/json; charset=utf-8").body(body));
    let again = again.await;
    assert_eq!((again.status, again.replayed, &again.body), (200, true, &first.body));
    // Another URL, and so another key; the id is the same one.
    let again = shop.put(&ID.to_uppercase(), "ann", &lamps(2)).await;
    assert_eq!((again.status, again.replayed, &again.body), (200, false, &first.body));
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(shop.count("orders"), 1);
}

#[tokio::test]
async fn when_the_record_has_ended_the_order_answers_and_says_the_same() {
    let shop = Shop::open().await;
    let first = shop.put(ID, "ann", &lamps(2)).await;
    let recorded = shop.put(ID, "ann", &lamps(3)).await;
    assert_eq!(recorded.problem(), refused(422, "key_reused"));
    shop.end_the_records();
    // A refusal is not recorded: it would stand in the way of the right one.
    let looked_up = shop.put(ID, "ann", &lamps(3)).await;
    assert_eq!(looked_up.problem(), recorded.problem());
    for field in ["type", "title"] {
        assert_eq!(looked_up.json()[field], recorded.json()[field]);
    }
    let again = shop.put(ID, "ann", &lamps(2)).await;
    assert_eq!((again.status, again.replayed, &again.body), (200, false, &first.body));
    assert_eq!(again.header("location"), first.header("location"));
    let again = shop.put(ID, "ann", &lamps(2)).await;
    assert_eq!((again.status, again.replayed, &again.body), (200, true, &first.body));
    assert_eq!(shop.put(ID, "ann", &lamps(3)).await.problem(), refused(422, "key_reused"));
    assert_eq!(shop.count("orders"), 1);
}

#[tokio::test]
async fn an_id_of_somebody_elses_is_refused_and_nothing_of_the_order_is_told() {
    let shop = Shop::open().await;
    let first = shop.put(ID, "ann", &lamps(2)).await;
    // The same, whether it is guessed or not.
    let guessed = shop.put(ID, "bob", &lamps(2)).await;
    let other = shop.put(ID, "bob", &json!({ "item": "chair", "quantity": 1 })).await;
    assert_eq!(guessed.problem(), refused(409, "id_taken"));
    assert_eq!(guessed, other);
    assert_eq!(shop.get(&format!("/v1/orders/{ID}"), "bob").await.problem(), refused(404, "unknown_order"));
    assert!(shop.orders("bob").await.is_empty());
    shop.end_the_records();
    assert_eq!(shop.put(ID, "bob", &lamps(2)).await, guessed);
    let again = shop.put(ID, "ann", &lamps(2)).await;
    assert_eq!((again.status, again.body), (200, first.body));
    assert_eq!(shop.count("orders"), 1);
}

#[tokio::test]
async fn two_users_at_once_one_has_it() {
    let shop = Shop::open().await;
    let (ann, bob) = (lamps(1), lamps(2));
    let (ann, bob) = tokio::join!(
        retried(|| shop.put(ID, "ann", &ann)), //
        retried(|| shop.put(ID, "bob", &bob))
    );
    let loser = if ann.status == 409 { &ann } else { &bob };
    assert_eq!(loser.problem(), refused(409, "id_taken"), "{ann:?} {bob:?}");
    assert_eq!(shop.orders("ann").await.len() + shop.orders("bob").await.len(), 1);
}

#[tokio::test]
async fn many_at_once_under_one_key_and_under_many_make_one_order() {
    let shop = std::sync::Arc::new(Shop::open().await);
    let mut answers = JoinSet::new();
    for id in spellings(ID, 16).into_iter().cycle().take(64) {
        let shop = std::sync::Arc::clone(&shop);
        answers.spawn(async move { retried(|| shop.put(&id, "ann", &lamps(2))).await });
    }
    let order = one_order(answers).await;
    assert_eq!(shop.orders("ann").await, [order]);
}
