//! The cycle of reading and adding, every wrong input, and many at once.

use idem_tests::server::Seen;
use reqwest::{Client, RequestBuilder};
use serde_json::json;
use tokio::task::JoinSet;

use super::{Bed, New, get, list, new, post, told, url};

#[tokio::test]
async fn the_whole_cycle() {
    let bed = Bed::new();
    let program = bed.start_patient().await;
    assert_eq!(list(&program, 42).await, ("\"rev1\"".into(), vec![]));

    let milk = new("\"rev1\"", "k-1", "Buy milk");
    let first = post(&program, milk).await;
    assert_eq!((first.status, first.replayed), (201, false));
    assert_eq!(first.json(), json!({ "id": 1, "user_id": 42, "title": "Buy milk" }));
    assert_eq!(first.header("location").as_deref(), Some("/v1/tasks/1"));
    assert_eq!(first.header("content-location").as_deref(), Some("/v1/tasks?user_id=42"));
    assert_eq!(first.header("etag").as_deref(), Some("\"rev2\""));
    for _ in 0..3 {
        let retry = post(&program, milk).await;
        assert_eq!((retry.status, retry.replayed), (200, true));
        assert_eq!((&retry.headers, &retry.body), (&first.headers, &first.body));
    }

    // Two mistakes, and the same key again.
    let mum = new("\"rev1\"", "k-2", "Call mum");
    let stale = post(&program, mum).await;
    assert_eq!(stale.problem(), told(412, "precondition_failed"));
    assert_eq!(stale.header("etag").as_deref(), Some("\"rev2\""));
    assert_eq!(post(&program, New { if_match: None, ..mum }).await.problem(), told(428, "precondition_required"));
    let corrected = post(&program, New { if_match: Some("\"rev2\""), ..mum }).await;
    assert_eq!((corrected.status, corrected.replayed), (201, false));
    assert_eq!(corrected.header("etag").as_deref(), Some("\"rev3\""));
    let other = post(&program, New { title: "Call dad", ..mum }).await;
    assert_eq!(other.problem(), told(422, "key_reused"));

    // The same task, without a key and with another one; and a key that a duplicate had is free.
    for key in [None, Some("k-3")] {
        let again = post(&program, New { key, if_match: Some("\"rev3\""), ..milk }).await;
        assert_eq!(again.problem(), told(409, "duplicate"));
        assert_eq!(again.json()["existing"], "/v1/tasks/1");
    }
    let without = New { key: None, ..new("\"rev3\"", "", "Water the plants") };
    assert_eq!(post(&program, without).await.status, 201);
    assert_eq!(post(&program, without).await.problem(), told(412, "precondition_failed"));
    assert_eq!(post(&program, new("*", "k-3", "Buy bread")).await.status, 201);

    let titles = ["Buy milk", "Call mum", "Water the plants", "Buy bread"];
    assert_eq!(list(&program, 42).await, ("\"rev5\"".into(), titles.map(str::to_owned).to_vec()));
    let one = get(&program, "/v1/tasks/1").await;
    assert_eq!((one.status, one.json()), (200, first.json()));
    assert_eq!(get(&program, "/v1/tasks/99").await.problem(), told(404, "not_found"));
}

#[tokio::test]
async fn each_user_has_a_list_and_keys_of_his_own() {
    let bed = Bed::new();
    let program = bed.start_patient().await;
    let milk = new("\"rev1\"", "k-1", "Buy milk");
    assert_eq!(post(&program, milk).await.status, 201);
    let theirs = post(&program, New { user: 43, ..milk }).await;
    assert_eq!((theirs.status, theirs.replayed, &theirs.json()["user_id"]), (201, false, &json!(43)));
    assert_eq!(list(&program, 44).await, ("\"rev1\"".into(), vec![]));
    for user in [42, 43] {
        assert_eq!(list(&program, user).await, ("\"rev2\"".into(), vec!["Buy milk".into()]));
        let again = post(&program, New { user, ..milk }).await;
        assert!(again.replayed && again.json()["user_id"] == user);
    }
}

#[tokio::test]
async fn a_key_on_a_get_has_no_effect() {
    let bed = Bed::new();
    let program = bed.start_patient().await;
    let read = || Seen::of(Client::new().get(url(&program, "/v1/tasks?user_id=42")).header("x-idempotency-key", "k"));
    assert_eq!((read().await.status, read().await.replayed), (200, false));
    assert_eq!(post(&program, new("\"rev1\"", "k", "Buy milk")).await.status, 201);
    let after = read().await;
    assert_eq!((after.replayed, after.header("etag").as_deref()), (false, Some("\"rev2\"")));
}

#[tokio::test]
async fn every_wrong_input_is_a_problem_and_claims_nothing() {
    let bed = Bed::new();
    let program = bed.start_patient().await;
    let request = |path: &str| {
        let request = Client::new().post(url(&program, path));
        request.header("if-match", "\"rev1\"").header("x-idempotency-key", "k")
    };
    let to_list = || request("/v1/tasks?user_id=42");
    let json = |text: &str| to_list().header("content-type", "application/json").body(text.to_owned());
    let title = |request: RequestBuilder| request.json(&json!({ "title": "x" }));
    let get = |path: &str| Client::new().get(url(&program, path));
    let mut wrong = vec![
        (json("no JSON"), 400, "invalid_body"),
        (json(""), 400, "invalid_body"),
        (json(r#"{"title":"x""#), 400, "invalid_body"),
        (json(r#"{"title":5}"#), 422, "invalid_body"),
        (json(r#"{"title":null}"#), 422, "invalid_body"),
        (json(r#"{"name":"x"}"#), 422, "invalid_body"),
        (json("[]"), 422, "invalid_body"),
        (json(r#"{"title":""}"#), 422, "invalid_body"),
        (json(r#"{"title":" \t\n "}"#), 422, "invalid_body"),
        (to_list().json(&json!({ "title": "x".repeat(201) })), 422, "invalid_body"),
        (to_list().body("{}"), 415, "invalid_body"),
        (json(&" ".repeat(3 << 20)), 413, "body_too_large"),
        (title(to_list()).header("if-match", "nonsense"), 400, "invalid_precondition"),
        (title(to_list()).header("if-match", "*"), 400, "invalid_precondition"),
        (title(to_list()).header("x-idempotency-key", "k"), 400, "invalid_key"),
        (title(Client::new().put(url(&program, "/v1/tasks?user_id=42"))), 405, "method_not_allowed"),
        (get("/v1/tasks/first"), 400, "invalid_path"),
        (get("/v1/tasks/-1"), 400, "invalid_path"),
        (get("/v1/tasks/1"), 404, "not_found"),
        (get("/v1/tasks/18446744073709551615"), 404, "not_found"),
        (get("/nowhere"), 404, "no_such_path"),
    ];
    for query in
        ["", "?user_id=", "?user_id=0", "?user_id=-1", "?user_id=anna", "?user_id=99999999999", "?user_id=1&user_id=2"]
    {
        let path = format!("/v1/tasks{query}");
        wrong.push((title(request(&path)), 400, "invalid_query"));
        wrong.push((get(&path), 400, "invalid_query"));
    }
    for (request, status, code) in wrong {
        let shown = format!("{request:?}");
        assert_eq!(Seen::of(request).await.problem(), told(status, code), "{shown}");
    }
    let put = Seen::of(Client::new().put(url(&program, "/v1/tasks?user_id=42"))).await;
    assert_eq!(put.header("allow").as_deref(), Some("GET,HEAD,POST"));
    assert_eq!(list(&program, 42).await, ("\"rev1\"".into(), vec![]));
    // A key that one of them had claimed would be refused for another body.
    assert_eq!(post(&program, new("\"rev1\"", "k", "Buy milk")).await.status, 201);
}

#[tokio::test]
async fn of_many_at_once_that_have_read_the_same_one_is_made() {
    let bed = Bed::new();
    let program = bed.start_patient().await;
    let mut answers = JoinSet::new();
    for number in 0..12 {
        let (key, title) = (format!("k-{number}"), format!("task {number}"));
        answers.spawn(post(&program, new("\"rev1\"", &key, &title)));
    }
    let answers = answers.join_all().await;
    let made: Vec<&Seen> = answers.iter().filter(|seen| seen.status == 201).collect();
    assert_eq!(made.len(), 1, "{answers:?}");
    let stale = answers.iter().filter(|seen| seen.status != 201);
    stale.for_each(|seen| assert_eq!(seen.problem(), told(412, "precondition_failed")));
    let title = made[0].json()["title"].as_str().unwrap().to_owned();
    assert_eq!(list(&program, 42).await, ("\"rev2\"".into(), vec![title]));
}

#[tokio::test]
async fn of_many_at_once_under_one_key_one_is_made() {
    let bed = Bed::new();
    let program = bed.start_patient().await;
    let milk = new("\"rev1\"", "k", "Buy milk");
    let mut answers = JoinSet::new();
    for _ in 0..12 {
        answers.spawn(post(&program, milk));
    }
    for seen in answers.join_all().await {
        match (seen.status, seen.replayed) {
            (201, false) | (200, true) => assert_eq!(seen.json()["id"], 1),
            _ => assert_eq!(seen.problem(), told(409, "in_progress")),
        }
    }
    let retry = post(&program, milk).await;
    assert_eq!((retry.status, retry.replayed, &retry.json()["id"]), (200, true, &json!(1)));
    assert_eq!(list(&program, 42).await, ("\"rev2\"".into(), vec!["Buy milk".into()]));
}
