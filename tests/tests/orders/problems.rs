//! Whatever is wrong is a problem with a code, and changes nothing.

use idem_tests::server::Seen;
use reqwest::header::AUTHORIZATION;
use reqwest::{Client, Method};
use serde_json::json;

use crate::{ID, Shop, lamps, refused};

#[tokio::test]
async fn whoever_does_not_say_who_asks_gets_nothing_on_replays_too() {
    let shop = Shop::open().await;
    let first = shop.put(ID, "ann", &lamps(2)).await;
    let draft = shop.draft("ann", &lamps(2)).await;
    let order = format!("/v1/orders/{ID}");
    let commit = format!("{draft}/commit");
    let wrong: [&[&str]; 7] = [
        &[],
        &["Basic YW5uOg=="],
        &["Bearer"],
        &["Bearer "],
        &["ann"],
        &["Bearer an n"],
        &["Bearer ann", "Bearer bob"],
    ];
    for credentials in wrong {
        for (method, path) in [
            (Method::GET, "/v1/orders"),
            (Method::POST, "/v1/orders"),
            (Method::GET, &order),
            (Method::PUT, &order),
            (Method::POST, "/v1/orders/drafts"),
            (Method::GET, &draft),
            (Method::PUT, &commit),
        ] {
            let mut request = Client::new().request(method, format!("http://{}{path}", shop.program.address));
            for value in credentials {
                request = request.header(AUTHORIZATION, *value);
            }
            let seen = Seen::of(request.header("x-idempotency-key", "k-1").json(&lamps(2))).await;
            assert_eq!(seen.problem(), refused(401, "unauthenticated"), "{credentials:?} {path}");
            assert_eq!(seen.header("www-authenticate").as_deref(), Some("Bearer"));
        }
    }
    assert_eq!((shop.count("orders"), shop.count("drafts"), shop.count("idem_records")), (1, 1, 1));
    assert_eq!(shop.put(ID, "ann", &lamps(2)).await.body, first.body);
}

#[tokio::test]
async fn an_id_that_is_no_uuid() {
    let shop = Shop::open().await;
    let (simple, urn) = (ID.replace('-', ""), format!("urn:uuid:{ID}"));
    for id in ["1", "%20", "%ff", &ID[1..], &simple, &urn, &format!("%7B{ID}%7D"), &ID.replace('7', "g")] {
        let put = shop.put(id, "ann", &lamps(2)).await;
        assert_eq!(put.problem(), refused(400, "invalid_id"), "{id}");
        for path in [format!("/v1/orders/{id}"), format!("/v1/orders/drafts/{id}")] {
            assert_eq!(shop.get(&path, "ann").await.problem(), refused(400, "invalid_id"), "{path}");
        }
        let commit = shop.commit(&format!("/v1/orders/drafts/{id}"), "ann").await;
        assert_eq!(commit.problem(), refused(400, "invalid_id"), "{id}");
    }
    assert_eq!((shop.count("orders"), shop.count("idem_records")), (0, 0));
}

#[tokio::test]
async fn a_body_that_is_no_order() {
    let shop = Shop::open().await;
    let long = "x".repeat(201);
    let huge = json!({ "item": "x".repeat(3 << 20), "quantity": 1 }).to_string();
    for (body, status, code) in [
        ("", 400, "invalid_json"),
        ("{\"item\":\"lamp\"", 400, "invalid_json"),
        ("item=lamp", 400, "invalid_json"),
        ("[]", 422, "invalid_order"),
        ("{}", 422, "invalid_order"),
        (r#"{"item":"lamp"}"#, 422, "invalid_order"),
        (r#"{"item":"lamp","quantity":0}"#, 422, "invalid_order"),
        (r#"{"item":"lamp","quantity":-1}"#, 422, "invalid_order"),
        (r#"{"item":"lamp","quantity":1.5}"#, 422, "invalid_order"),
        (r#"{"item":"lamp","quantity":"2"}"#, 422, "invalid_order"),
        (r#"{"item":"lamp","quantity":4294967296}"#, 422, "invalid_order"),
        (r#"{"item":"lamp","quantity":2,"price":0}"#, 422, "invalid_order"),
        (r#"{"item":"","quantity":2}"#, 422, "invalid_order"),
        (&json!({ "item": long, "quantity": 2 }).to_string(), 422, "invalid_order"),
        (&huge, 413, "body_too_large"),
    ] {
        let order = format!("/v1/orders/{ID}");
        for (method, path) in
            [(Method::PUT, &*order), (Method::POST, "/v1/orders"), (Method::POST, "/v1/orders/drafts")]
        {
            let request = shop.ask(method, path, "ann").header("x-idempotency-key", "k-1").body(body.to_owned());
            let seen = Seen::of(request.header("content-type", "application/json")).await;
            assert_eq!(seen.problem(), refused(status, code), "{path} {:.60}", body);
        }
    }
    let without_type = shop.ask(Method::PUT, &format!("/v1/orders/{ID}"), "ann").body(lamps(2).to_string());
    assert_eq!(Seen::of(without_type).await.problem(), refused(415, "no_json"));
    assert_eq!((shop.count("orders"), shop.count("drafts"), shop.count("idem_records")), (0, 0, 0));
    // None of it has used up the id or the key.
    assert_eq!(shop.put(ID, "ann", &lamps(2)).await.status, 201);
    assert_eq!(shop.post("k-1", "ann", &lamps(2)).await.status, 201);
}

#[tokio::test]
async fn a_key_that_is_none_and_what_is_not_there() {
    let shop = Shop::open().await;
    assert_eq!(shop.post("", "ann", &lamps(2)).await.refusal(), "invalid_key");
    assert_eq!(shop.post(&"k".repeat(256), "ann", &lamps(2)).await.refusal(), "invalid_key");
    let twice = shop.ask(Method::POST, "/v1/orders", "ann").header("x-idempotency-key", "k-1");
    let twice = Seen::of(twice.header("x-idempotency-key", "k-1").json(&lamps(2))).await;
    assert_eq!((twice.status, twice.refusal().as_str()), (400, "invalid_key"));
    let order = format!("/v1/orders/{ID}");
    assert_eq!(shop.get(&order, "ann").await.problem(), refused(404, "unknown_order"));
    assert_eq!(shop.get("/v1/order", "ann").await.problem(), refused(404, "not_found"));
    let deleted = Seen::of(shop.ask(Method::DELETE, &order, "ann")).await;
    assert_eq!(deleted.problem(), refused(405, "method_not_allowed"));
    assert!(deleted.header("allow").is_some_and(|methods| methods.contains("PUT") && methods.contains("GET")));
    assert_eq!(shop.get("/v1/orders/drafts", "ann").await.problem(), refused(405, "method_not_allowed"));
    assert_eq!(shop.count("orders"), 0);
}

/// Others may write into the same file; while they do, nothing is ordered, and that is said.
#[tokio::test]
async fn a_database_that_is_locked_is_a_reason_to_come_again() {
    let shop = Shop::open().await;
    let draft = shop.draft("ann", &lamps(2)).await;
    let file = shop.file();
    file.execute_batch("BEGIN IMMEDIATE").unwrap();
    for seen in [
        shop.put(ID, "ann", &lamps(2)).await,
        shop.commit(&draft, "ann").await,
        Seen::of(shop.ask(Method::POST, "/v1/orders/drafts", "ann").json(&lamps(2))).await,
    ] {
        assert_eq!(seen.problem().0, 503);
        assert_eq!(seen.header("retry-after").as_deref(), Some("1"));
    }
    // What is there can be read meanwhile.
    assert_eq!(shop.get(&draft, "ann").await.status, 200);
    file.execute_batch("ROLLBACK").unwrap();
    assert_eq!(crate::retried(|| shop.put(ID, "ann", &lamps(2))).await.status, 201);
    assert_eq!(crate::retried(|| shop.commit(&draft, "ann")).await.status, 201);
    assert_eq!(shop.count("orders"), 2);
}
