//! One request, sent more than once: design of the answers, over real TCP, for every store.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use idem_tests::app::{AppState, Bed, router};
use idem_tests::gate::Gate;
use idem_tests::over_every_store;
use idem_tests::server::{Seen, Server};
use serde_json::json;
use tokio::task::JoinSet;

async fn serve(bed: &Bed, gate: &Gate) -> Server {
    Server::start(router(AppState::new(bed, gate.clone()))).await
}

over_every_store!(
    i01_a_hundred_at_once_run_once,
    i41_a_hundred_that_wait_get_the_same_bytes,
    i23_replays_are_the_same_to_the_byte,
    b26_what_must_not_come_twice_is_not_replayed,
    i26_another_body_path_query_or_method_is_refused,
    i27_it_is_refused_while_the_first_runs_too,
    i28_two_scopes_are_two_requests,
    b17_a_scope_that_is_missing_is_refused,
    b01_a_missing_key_follows_the_route,
    b02_to_b12_malformed_keys_are_refused,
    b06_bare_and_quoted_keys_are_one,
    b14_hostile_keys_are_inert,
    rejections_of_extractors_leave_no_claim,
    keys_from_path_query_body_and_expression,
    i29_one_key_on_two_operations_is_two_keys,
    b24_what_the_same_content_is,
    replay_status_is_for_successes,
    which_answers_are_recorded,
    i35_a_failure_is_repeated_or_kept,
    i34_a_panic_poisons_nothing,
    i22_answers_that_are_too_large_are_not_repeated,
    an_answer_that_breaks_off_is_a_failure,
    a_handler_knows_its_execution,
    many_replays_are_counted,
);

async fn i01_a_hundred_at_once_run_once(bed: Bed) {
    let gate = Gate::closed();
    let server = serve(&bed, &gate).await;
    let order = json!({ "orderId": 1 });
    let mut answers = JoinSet::new();
    for _ in 0..100 {
        answers.spawn(Seen::of(server.post("/pay", "one", &order)));
    }
    gate.started().await;
    // Ninety-nine are refused while the first one is held; only then it goes on.
    for _ in 0..99 {
        let seen = answers.join_next().await.unwrap().unwrap();
        assert_eq!((seen.status, seen.refusal().as_str()), (409, "in_progress"));
    }
    gate.let_pass(1);
    let first = answers.join_next().await.unwrap().unwrap();
    assert_eq!((first.status, first.replayed, gate.executions()), (201, false, 1));
    let retry = Seen::of(server.post("/pay", "one", &order)).await;
    assert!(retry.replayed);
    assert_eq!(Seen { replayed: false, ..retry }, first);
    assert_eq!(gate.executions(), 1);
}

async fn i41_a_hundred_that_wait_get_the_same_bytes(bed: Bed) {
    let gate = Gate::closed();
    let server = serve(&bed, &gate).await;
    let order = json!({ "orderId": 1 });
    let mut answers = JoinSet::new();
    for _ in 0..100 {
        answers.spawn(Seen::of(server.post("/wait", "one", &order)));
    }
    gate.started().await;
    gate.let_pass(1);
    let answers: Vec<Seen> = answers.join_all().await;
    assert_eq!(answers.iter().filter(|seen| !seen.replayed).count(), 1);
    for seen in &answers {
        assert_eq!((seen.status, &seen.body), (200, &answers[0].body));
    }
    assert_eq!(gate.executions(), 1);
}

async fn i23_replays_are_the_same_to_the_byte(bed: Bed) {
    let gate = Gate::open();
    let server = serve(&bed, &gate).await;
    for (number, shape) in ["json", "empty", "binary", "headers", "created", "redirect"].into_iter().enumerate() {
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let request = || client.post(server.url(&format!("/shape/{shape}"))).header("idempotency-key", shape);
        let first = Seen::of(request()).await;
        assert!(!first.replayed && first.status < 400, "{first:?}");
        for _ in 0..3 {
            let retry = Seen::of(request()).await;
            assert!(retry.replayed, "{shape}");
            assert_eq!(Seen { replayed: false, ..retry }, first, "{shape}");
        }
        assert_eq!(gate.executions(), number + 1);
    }
}

async fn b26_what_must_not_come_twice_is_not_replayed(bed: Bed) {
    let server = serve(&bed, &Gate::open()).await;
    let request = || server.client.post(server.url("/shape/secrets")).header("idempotency-key", "k");
    let first = Seen::of(request()).await;
    for name in ["set-cookie", "authorization", "www-authenticate", "proxy-authenticate", "x-kept"] {
        assert!(first.header(name).is_some(), "{name}");
    }
    let response = request().send().await.unwrap();
    assert_eq!(response.headers()["cache-control"], "no-store");
    let retry = Seen::read(response).await;
    assert!(retry.replayed);
    assert!(!format!("{retry:?}").contains("canary"));
    assert_eq!(retry.header("x-kept").as_deref(), Some("yes"));
}

async fn i26_another_body_path_query_or_method_is_refused(bed: Bed) {
    let gate = Gate::open();
    let server = serve(&bed, &gate).await;
    let send = |path: &str, body: &str| {
        let request = server.client.post(server.url(path)).header("idempotency-key", "k").body(body.to_owned());
        Seen::of(request)
    };
    assert_eq!(send("/bound/1?a=1", "x").await.status, 200);
    for (path, body) in
        [("/bound/1?a=1", "y"), ("/bound/1?a=1", ""), ("/bound/2?a=1", "x"), ("/bound/1?a=2", "x"), ("/bound/1", "x")]
    {
        let seen = send(path, body).await;
        assert_eq!((seen.status, seen.refusal().as_str()), (422, "key_reused"), "{path} {body}");
    }
    assert!(send("/bound/1?a=1", "x").await.replayed);
    assert_eq!(gate.executions(), 1);
    // By default the method is part of the operation: another one is another key.
    let put = |method| Seen::of(server.client.request(method, server.url("/items/7")));
    assert!(!put(reqwest::Method::PUT).await.replayed);
    assert!(!put(reqwest::Method::POST).await.replayed);
    assert!(put(reqwest::Method::PUT).await.replayed);
}

async fn i27_it_is_refused_while_the_first_runs_too(bed: Bed) {
    let gate = Gate::closed();
    let server = serve(&bed, &gate).await;
    for route in ["/pay", "/wait"] {
        let first = tokio::spawn(Seen::of(server.post(route, "k", &json!(1))));
        gate.started().await;
        let other = Seen::of(server.post(route, "k", &json!(2))).await;
        assert_eq!((other.status, other.refusal().as_str()), (422, "key_reused"), "{route}");
        gate.let_pass(1);
        assert!(first.await.unwrap().status < 300);
    }
    assert_eq!(gate.executions(), 2);
}

async fn i28_two_scopes_are_two_requests(bed: Bed) {
    let gate = Gate::open();
    let server = serve(&bed, &gate).await;
    let as_user = |user: &str| {
        let request = server.client.post(server.url("/scoped")).header("idempotency-key", "k").header("x-user", user);
        Seen::of(request.body("same"))
    };
    let anna = as_user("anna").await;
    let ben = as_user("ben").await;
    assert!(!anna.replayed && !ben.replayed && anna.body != ben.body);
    assert_eq!(as_user("anna").await.body, anna.body);
    assert_eq!(as_user("ben").await.body, ben.body);
    let by_header = |tenant: &str| {
        Seen::of(
            server
                .client
                .post(server.url("/scoped-by-header"))
                .header("idempotency-key", "k")
                .header("x-tenant", tenant),
        )
    };
    assert!(!by_header("a").await.replayed && !by_header("b").await.replayed && by_header("a").await.replayed);
    assert_eq!(gate.executions(), 4);
}

async fn b17_a_scope_that_is_missing_is_refused(bed: Bed) {
    let gate = Gate::open();
    let server = serve(&bed, &gate).await;
    let request = || server.client.post(server.url("/scoped-by-header")).header("idempotency-key", "k");
    for (request, code) in [
        (request(), "missing_scope"),
        (request().header("x-tenant", ""), "missing_scope"),
        (request().header("x-tenant", "a").header("x-tenant", "b"), "invalid_scope"),
        (request().header("x-tenant", &b"\xff"[..]), "invalid_scope"),
    ] {
        let seen = Seen::of(request).await;
        assert_eq!((seen.status, seen.refusal().as_str()), (400, code));
    }
    // An empty user is no user, and shares nothing with another one.
    let seen =
        Seen::of(server.client.post(server.url("/scoped")).header("idempotency-key", "k").header("x-user", "")).await;
    assert_eq!(seen.refusal(), "missing_scope");
    assert_eq!(gate.executions(), 0);
}

async fn b01_a_missing_key_follows_the_route(bed: Bed) {
    let gate = Gate::open();
    let server = serve(&bed, &gate).await;
    for (route, status) in [("/scoped-by-header", 400), ("/required", 428)] {
        let seen = Seen::of(server.client.post(server.url(route))).await;
        assert_eq!((seen.status, seen.refusal().as_str()), (status, "missing_key"));
    }
    assert_eq!(gate.executions(), 0);
    for number in ["1", "2"] {
        let seen = Seen::of(server.client.post(server.url("/optional"))).await;
        assert_eq!((seen.status, seen.replayed, seen.body), (200, false, number.as_bytes().to_vec()));
    }
    assert_eq!(bed.idempotency.counts().unprotected, 2);
}

async fn b02_to_b12_malformed_keys_are_refused(bed: Bed) {
    let gate = Gate::open();
    let server = serve(&bed, &gate).await;
    // Also where the key is optional: a key that cannot be read is never "no key".
    for route in ["/required", "/optional"] {
        let request = || server.client.post(server.url(route));
        for key in [
            &b""[..],
            b"\"\"",
            b"  ",
            b"\"open",
            b"\"bad\\escape\"",
            "k\u{e9}".as_bytes(),
            b"\"a\",\"b\"",
            b"a b",
            b"a\tb",
            &[b'k'; 256],
            &[b'k'; 8192],
        ] {
            let seen = Seen::of(request().header("idempotency-key", key)).await;
            assert_eq!(
                (seen.status, seen.refusal().as_str()),
                (400, "invalid_key"),
                "{:?}",
                String::from_utf8_lossy(key)
            );
            assert!(
                key.len() < 3 || !seen.body.windows(key.len()).any(|text| text == key),
                "the key is not given back"
            );
        }
        let twice = Seen::of(request().header("idempotency-key", "a").header("idempotency-key", "a")).await;
        assert_eq!((twice.status, twice.refusal().as_str()), (400, "invalid_key"));
    }
    assert_eq!(gate.executions(), 0);
    let longest =
        Seen::of(server.client.post(server.url("/required")).header("idempotency-key", "k".repeat(255))).await;
    assert_eq!((longest.status, gate.executions()), (200, 1));
}

async fn b06_bare_and_quoted_keys_are_one(bed: Bed) {
    let gate = Gate::open();
    let server = serve(&bed, &gate).await;
    for key in ["8e03978e-40d5", "\"8e03978e-40d5\"", "\"8e03978e-40d5\";a=1", " 8e03978e-40d5 "] {
        let seen = Seen::of(server.client.post(server.url("/required")).header("idempotency-key", key)).await;
        assert_eq!((seen.status, seen.body), (200, b"1".to_vec()), "{key}");
    }
    let other_case =
        Seen::of(server.client.post(server.url("/required")).header("idempotency-key", "8E03978E-40D5")).await;
    assert_eq!((other_case.body, gate.executions()), (b"2".to_vec(), 2));
}

async fn b14_hostile_keys_are_inert(bed: Bed) {
    let gate = Gate::open();
    let server = serve(&bed, &gate).await;
    let keys = [
        "{}",
        "{1}*",
        "*",
        "';DROP/**/TABLE/**/x;--",
        "return(redis.call('FLUSHALL'))",
        "../../etc/passwd",
        "%00",
        "k:1",
        "idem:*",
    ];
    for (number, key) in keys.iter().enumerate() {
        for replayed in [false, true] {
            let seen = Seen::of(server.client.post(server.url("/required")).header("idempotency-key", *key)).await;
            assert_eq!((seen.status, seen.replayed), (200, replayed), "{key}");
            assert_eq!(seen.body, (number + 1).to_string().as_bytes());
        }
    }
}

async fn rejections_of_extractors_leave_no_claim(bed: Bed) {
    let gate = Gate::open();
    let server = serve(&bed, &gate).await;
    let scoped = || server.client.post(server.url("/scoped")).header("idempotency-key", "k");
    let pay = || server.client.post(server.url("/pay")).header("idempotency-key", "k");
    let json = "application/json";
    let too_large = server
        .client
        .post(server.url("/pay-little"))
        .header("idempotency-key", "k")
        .header("content-type", json)
        // Nobody reads the body to its end, so the server may hang up on whoever takes this connection next.
        .header("connection", "close")
        .body(format!("\"{}\"", "x".repeat(100)));
    for (request, status) in [
        (scoped(), 401),
        (pay().body("{}"), 415),
        (pay().header("content-type", json).body("{"), 400),
        (too_large, 413),
        (
            server
                .client
                .post(server.url("/status"))
                .header("idempotency-key", "k")
                .header("content-type", json)
                .body("\"x\""),
            422,
        ),
    ] {
        let seen = Seen::of(request).await;
        assert_eq!(seen.status, status);
        assert_ne!(seen.header("content-type").as_deref(), Some("application/problem+json"), "it is axum's own answer");
    }
    let counts = bed.idempotency.counts();
    assert_eq!((gate.executions(), counts.executed, counts.released), (0, 0, 0));
    if let Some(redis) = &bed.redis {
        assert_eq!(redis.keys().await, Vec::<String>::new());
    }
    // The key is free for the request that was meant.
    assert_eq!(Seen::of(server.post("/pay", "k", &json!(1))).await.status, 201);
}

async fn keys_from_path_query_body_and_expression(bed: Bed) {
    let gate = Gate::open();
    let server = serve(&bed, &gate).await;
    let post = |path: &str, body: &serde_json::Value| Seen::of(server.client.post(server.url(path)).json(body));
    let none = json!({});
    let order = json!({ "order": { "id": "A-1" } });
    let number = json!({ "order": { "id": 17 } });
    let sold = json!({ "shop": "eu", "id": 7 });
    for (path, body) in [
        ("/items/A-1", &none),
        ("/items/A%2d2", &none),
        ("/by-query?token=A-1", &none),
        ("/by-query?b=1&token=A-2", &none),
        ("/by-body", &order),
        ("/by-body", &number),
        ("/by-expression", &sold),
    ] {
        let first = post(path, body).await;
        let retry = post(path, body).await;
        assert_eq!((first.status, first.replayed, retry.replayed), (200, false, true), "{path} {body} {first:?}");
        assert_eq!(first.body, retry.body);
    }
    assert_eq!(gate.executions(), 7);
    for (path, body, code) in [
        ("/items/a%20b", &none, "invalid_key"),
        ("/by-query", &none, "missing_key"),
        ("/by-query?token=", &none, "invalid_key"),
        ("/by-query?token=a&token=a", &none, "invalid_key"),
        ("/by-body", &none, "missing_key"),
        ("/by-body", &json!({ "order": { "id": null } }), "missing_key"),
        ("/by-body", &json!({ "order": { "id": "" } }), "invalid_key"),
        ("/by-body", &json!({ "order": { "id": [1] } }), "invalid_key"),
        ("/by-body", &json!({ "order": { "id": 1.5 } }), "invalid_key"),
        ("/by-expression", &json!({ "shop": "eu" }), "missing_key"),
        ("/by-expression", &json!({ "shop": "", "id": 7 }), "missing_key"),
    ] {
        let seen = post(path, body).await;
        assert_eq!((seen.status, seen.refusal().as_str()), (400, code), "{path} {body}");
    }
    assert_eq!(gate.executions(), 7);
}

async fn i29_one_key_on_two_operations_is_two_keys(bed: Bed) {
    let gate = Gate::open();
    let server = serve(&bed, &gate).await;
    let send = |path: &str| Seen::of(server.client.post(server.url(path)).header("idempotency-key", "k"));
    assert!(!send("/one").await.replayed && !send("/two").await.replayed && !send("/required").await.replayed);
    assert!(send("/one").await.replayed && send("/two").await.replayed && send("/required").await.replayed);
    assert_eq!(gate.executions(), 3);
}

async fn b24_what_the_same_content_is(bed: Bed) {
    let gate = Gate::open();
    let server = serve(&bed, &gate).await;
    let send = |path: &str, body: &str| {
        let request = server.client.post(server.url(path)).header("idempotency-key", "k");
        Seen::of(request.header("content-type", "application/json").body(body.to_owned()))
    };
    for (path, body, again) in [
        ("/pay", r#"{"a":1,"b":2}"#, None),
        ("/json", r#"{"a":1,"b":2}"#, Some(r#"{ "b" : 2, "a": 1 }"#)),
        ("/chosen-content", r#"{"amount":1,"note":"a"}"#, Some(r#"{"note":"b","amount":1}"#)),
    ] {
        assert!(!send(path, body).await.replayed);
        if let Some(again) = again {
            assert!(send(path, again).await.replayed, "{path}");
        }
    }
    assert_eq!(send("/pay", r#"{"b":2,"a":1}"#).await.refusal(), "key_reused");
    assert_eq!(send("/json", r#"{"a":1,"b":3}"#).await.refusal(), "key_reused");
    assert_eq!(send("/chosen-content", r#"{"amount":2,"note":"a"}"#).await.refusal(), "key_reused");
    assert_eq!(gate.executions(), 3);
}

async fn replay_status_is_for_successes(bed: Bed) {
    let server = serve(&bed, &Gate::open()).await;
    for (status, again) in [(201, 200), (303, 303), (422, 422)] {
        let send = || Seen::of(server.post("/replay-status", &status.to_string(), &json!(status)));
        let (first, retry) = (send().await, send().await);
        assert_eq!((first.status, retry.status, retry.replayed), (status, again, true));
        assert_eq!(first.body, retry.body);
    }
}

async fn which_answers_are_recorded(bed: Bed) {
    let server = serve(&bed, &Gate::open()).await;
    let is_recorded = async |route: &str, status: u16| {
        let key = format!("{route}{status}");
        let send = || Seen::of(server.post(route, &key, &json!(status)));
        let (first, retry) = (send().await, send().await);
        assert_eq!((first.status, first.replayed, retry.status), (status, false, status), "{route}");
        retry.replayed
    };
    for status in [200, 202, 303, 400, 402, 404, 410, 413, 422, 451] {
        assert!(is_recorded("/status", status).await, "{status}");
    }
    for status in [408, 409, 412, 421, 423, 425, 428, 429, 500, 502, 503] {
        assert!(!is_recorded("/status", status).await, "{status}");
    }
    assert!(is_recorded("/status-success", 204).await && !is_recorded("/status-success", 404).await);
    assert!(is_recorded("/status-chosen", 201).await && !is_recorded("/status-chosen", 200).await);
    let counts = bed.idempotency.counts();
    assert_eq!(counts.executed, counts.recorded + counts.released, "I54");
}

async fn i35_a_failure_is_repeated_or_kept(bed: Bed) {
    let gate = Gate::open();
    let server = serve(&bed, &gate).await;
    let send = |route: &str| Seen::of(server.post(route, "k", &json!(500)));
    assert_eq!((send("/status").await.body, send("/status").await.body), (b"1".to_vec(), b"2".to_vec()));
    let (first, retry) = (send("/status-keep").await, send("/status-keep").await);
    assert_eq!((first.status, retry.status, retry.replayed), (500, 500, true));
    assert_eq!((first.body, retry.body, gate.executions()), (b"3".to_vec(), b"3".to_vec(), 3));
}

async fn i34_a_panic_poisons_nothing(bed: Bed) {
    let gate = Gate::open();
    let routes = router(AppState::new(&bed, gate.clone()));
    let server = Server::start(routes.layer(tower_http::catch_panic::CatchPanicLayer::new())).await;
    let send = |route: &str| Seen::of(server.client.post(server.url(route)).header("idempotency-key", "k"));
    assert_eq!(send("/panic").await.status, 500);
    let retry = send("/panic").await;
    assert_eq!((retry.status, retry.replayed, retry.body), (200, false, b"2".to_vec()));
    assert!(send("/panic").await.replayed);

    let gate = Gate::open();
    let routes = router(AppState::new(&bed, gate.clone()));
    let server = Server::start(routes.layer(tower_http::catch_panic::CatchPanicLayer::new())).await;
    let send = |route: &str| Seen::of(server.client.post(server.url(route)).header("idempotency-key", "k"));
    assert_eq!(send("/panic-keep").await.status, 500);
    for _ in 0..2 {
        let retry = send("/panic-keep").await;
        assert_eq!((retry.status, retry.refusal().as_str()), (409, "outcome_unknown"));
    }
    assert_eq!((gate.executions(), bed.idempotency.counts().panicked), (1, 2));
}

async fn i22_answers_that_are_too_large_are_not_repeated(bed: Bed) {
    let gate = Gate::open();
    let server = serve(&bed, &gate).await;
    let send = |length: usize| Seen::of(server.post("/large", &length.to_string(), &json!(length)));
    let (fits, again) = (send(1024).await, send(1024).await);
    assert!(again.replayed && fits.body == again.body);
    for length in [1025, 5 << 20] {
        let whole = send(length).await;
        assert_eq!((whole.status, whole.body.len()), (200, length));
        let retry = send(length).await;
        assert_eq!((retry.status, retry.refusal().as_str()), (409, "response_not_kept"));
    }
    assert_eq!(gate.executions(), 3);
    let events = || Seen::of(server.client.post(server.url("/events")).header("idempotency-key", "k"));
    assert_eq!(events().await.body, b"data: 1\n\n");
    assert_eq!(events().await.refusal(), "response_not_kept");
}

async fn an_answer_that_breaks_off_is_a_failure(bed: Bed) {
    let gate = Gate::open();
    let server = serve(&bed, &gate).await;
    let send = || server.client.post(server.url("/broken")).header("idempotency-key", "k");
    let first = send().send().await;
    assert!(match first {
        Err(_) => true,
        Ok(answer) => answer.bytes().await.is_err(),
    });
    let retry = Seen::of(send()).await;
    assert_eq!((retry.status, retry.replayed, retry.body), (200, false, b"whole".to_vec()));
}

async fn a_handler_knows_its_execution(bed: Bed) {
    let server = serve(&bed, &Gate::open()).await;
    let mut seen = Vec::new();
    for route in ["/execution", "/execution-last"] {
        let answer =
            Seen::of(server.client.post(server.url(route)).header("idempotency-key", "\"canary\"")).await.json();
        assert_eq!((&answer["attempt"], &answer["key"]), (&json!(1), &json!("canary")));
        let (charge, mail) = (answer["charge"].as_str().unwrap(), answer["mail"].as_str().unwrap());
        assert!(charge.len() == 32 && charge != mail && !charge.contains("canary"));
        assert!(!answer["debug"].as_str().unwrap().contains("canary"), "B40");
        seen.push(charge.to_owned());
        let without = Seen::of(server.client.post(server.url(route))).await.json();
        assert_eq!((&without["attempt"], &without["key"], &without["charge"]), (&json!(1), &json!(null), &json!(null)));
    }
    assert_ne!(seen[0], seen[1]);
}

async fn many_replays_are_counted(bed: Bed) {
    let gate = Gate::open();
    let server = serve(&bed, &gate).await;
    let first = Seen::of(server.post("/pay", "k", &json!(1))).await;
    for _ in 0..1000 {
        let retry = Seen::of(server.post("/pay", "k", &json!(1))).await;
        assert!(retry.replayed && retry.body == first.body && retry.headers == first.headers);
    }
    let counts = bed.idempotency.counts();
    assert_eq!((counts.executed, counts.recorded, counts.replayed, gate.executions()), (1, 1, 1000, 1));
}

#[tokio::test]
async fn b37_a_full_memory_store_refuses_and_drops_nothing() {
    let store = idem_runtime::MemoryStore::with_capacity_bytes(8 * 1024);
    let bed = Bed { idempotency: idem_runtime::Idempotency::new(store), redis: None };
    let gate = Gate::open();
    let server = serve(&bed, &gate).await;
    let send = |key: usize| Seen::of(server.post("/pay", &key.to_string(), &json!(key)));
    let mut kept = Vec::new();
    let full = loop {
        let seen = send(kept.len()).await;
        if seen.status != 201 {
            break seen;
        }
        kept.push(seen);
    };
    assert_eq!((full.status, full.refusal().as_str()), (503, "store_unavailable"));
    assert!(kept.len() > 10, "{}", kept.len());
    for (key, first) in kept.iter().enumerate() {
        let retry = send(key).await;
        assert!(retry.replayed);
        assert_eq!(retry.body, first.body);
    }
    assert_eq!(gate.executions(), kept.len());
}
