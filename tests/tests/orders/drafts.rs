//! Draft and commit.

use std::sync::Arc;

use idem_tests::server::Seen;
use idem_tests::until;
use reqwest::Method;
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::{Shop, file_in, lamps, one_order, refused, retried, spellings, start};

#[tokio::test]
async fn a_draft_that_is_committed_twice_is_one_order() {
    let shop = Shop::open().await;
    let made = Seen::of(shop.ask(Method::POST, "/v1/orders/drafts", "ann").json(&lamps(2))).await;
    assert_eq!(made.status, 201);
    let draft = made.header("location").unwrap();
    assert_eq!(draft, format!("/v1/orders/drafts/{}", made.json()["id"].as_str().unwrap()));
    let shown = shop.get(&draft, "ann").await;
    assert_eq!((shown.status, &shown.body), (200, &made.body));
    assert_eq!((&shown.json()["item"], &shown.json()["order"]), (&"lamp".into(), &Value::Null));
    // A duplicate does no harm.
    assert_ne!(shop.draft("ann", &lamps(2)).await, draft);
    assert_eq!(shop.count("orders"), 0);

    let first = shop.commit(&draft, "ann").await;
    assert_eq!((first.status, first.replayed), (201, false));
    let order = first.header("location").unwrap();
    assert_eq!((&first.json()["item"], &first.json()["quantity"]), (&"lamp".into(), &2.into()));
    for _ in 0..10 {
        let again = shop.commit(&draft, "ann").await;
        assert_eq!((again.status, again.replayed, &again.body), (200, true, &first.body));
        assert_eq!(again.header("location").as_ref(), Some(&order));
    }
    assert_eq!(shop.get(&order, "ann").await.body, first.body);
    assert_eq!(shop.get(&draft, "ann").await.json()["order"], order.as_str());
    assert_eq!(shop.orders("ann").await, [first.json()]);
}

#[tokio::test]
async fn a_commit_is_the_same_when_neither_record_nor_draft_is_left() {
    let shop = Shop::open().await;
    let draft = shop.draft("ann", &lamps(2)).await;
    let first = shop.commit(&draft, "ann").await;
    let same = async |what| {
        let again = shop.commit(&draft, "ann").await;
        assert_eq!((again.status, again.replayed, &again.body), (200, false, &first.body), "{what}");
        assert_eq!(again.header("location"), first.header("location"), "{what}");
    };
    shop.end_the_records();
    same("the record has ended").await;
    shop.end_the_records();
    shop.file().execute("UPDATE drafts SET expires = 1", ()).unwrap();
    same("the draft has expired").await;
    shop.end_the_records();
    shop.file().execute("DELETE FROM drafts", ()).unwrap();
    same("the draft is deleted").await;
    assert_eq!(shop.count("orders"), 1);
}

#[tokio::test]
async fn an_unknown_draft_is_not_found_and_somebody_elses_is_unknown() {
    let shop = Shop::open().await;
    let unknown = refused(404, "unknown_draft");
    let nowhere = format!("/v1/orders/drafts/{}", crate::ID);
    assert_eq!(shop.get(&nowhere, "ann").await.problem(), unknown);
    assert_eq!(shop.commit(&nowhere, "ann").await.problem(), unknown);
    let draft = shop.draft("ann", &lamps(2)).await;
    assert_eq!(shop.get(&draft, "bob").await, shop.get(&nowhere, "bob").await);
    assert_eq!(shop.commit(&draft, "bob").await, shop.commit(&nowhere, "bob").await);
    // Both at once, and so under two scopes.
    let (ann, bob) = tokio::join!(
        retried(|| shop.commit(&draft, "ann")), //
        retried(|| shop.commit(&draft, "bob"))
    );
    assert_eq!((ann.status, bob.problem()), (201, unknown.clone()));
    // Also when it is an order.
    assert_eq!(shop.commit(&draft, "bob").await.problem(), unknown);
    assert_eq!((shop.orders("ann").await.len(), shop.orders("bob").await.len()), (1, 0));
}

#[tokio::test]
async fn many_commits_at_once_under_one_key_and_under_many_make_one_order() {
    let shop = Arc::new(Shop::open().await);
    let draft = shop.draft("ann", &lamps(2)).await;
    let (path, id) = draft.rsplit_once('/').unwrap();
    let mut answers = JoinSet::new();
    for id in spellings(id, 16).into_iter().cycle().take(64) {
        let (shop, draft) = (Arc::clone(&shop), format!("{path}/{id}"));
        answers.spawn(async move { retried(|| shop.commit(&draft, "ann")).await });
    }
    let order = one_order(answers).await;
    assert_eq!(shop.orders("ann").await, [order]);
}

#[tokio::test]
async fn an_order_under_the_drafts_id_is_in_nobodys_way() {
    let shop = Shop::open().await;
    let draft = shop.draft("ann", &lamps(2)).await;
    let id = draft.rsplit('/').next().unwrap();
    assert_eq!(shop.put(id, "bob", &lamps(5)).await.status, 201);
    let committed = shop.commit(&draft, "ann").await;
    assert_eq!(committed.status, 201);
    let order = committed.json();
    assert_ne!(order["id"], id);
    // The order that came of it has a URL like any other.
    let order = order["id"].as_str().unwrap();
    let put = shop.put(order, "ann", &lamps(2)).await;
    assert_eq!((put.status, put.body), (200, committed.body.clone()));
    assert_eq!(shop.put(order, "bob", &lamps(2)).await.problem(), refused(409, "id_taken"));
    assert_eq!(shop.put(order, "ann", &lamps(3)).await.problem(), refused(422, "key_reused"));
    assert_eq!(shop.commit(&draft, "ann").await.body, committed.body);
    assert_eq!((shop.orders("ann").await.len(), shop.orders("bob").await.len()), (1, 1));
}

#[tokio::test]
async fn an_expired_draft_is_unknown_whether_its_row_is_there_or_not() {
    let shop = Shop::open_with(&["--sweep-every", "1d"]).await;
    let draft = shop.draft("ann", &lamps(2)).await;
    let expired = shop.file().execute("UPDATE drafts SET expires = unixepoch() * 1000 - 1", ()).unwrap();
    assert_eq!(expired, 1);
    let with_its_row = (shop.get(&draft, "ann").await, shop.commit(&draft, "ann").await);
    assert_eq!(with_its_row.0.problem(), refused(404, "unknown_draft"));
    assert_eq!(with_its_row.1.problem(), refused(404, "unknown_draft"));
    assert_eq!(shop.file().execute("DELETE FROM drafts", ()).unwrap(), 1);
    assert_eq!((shop.get(&draft, "ann").await, shop.commit(&draft, "ann").await), with_its_row);
    assert_eq!(shop.count("orders"), 0);
}

#[tokio::test]
async fn drafts_that_live_for_no_time_are_never_ordered() {
    let shop = Shop::open_with(&["--draft-ttl", "0s"]).await;
    let draft = shop.draft("ann", &lamps(2)).await;
    assert_eq!(shop.get(&draft, "ann").await.problem(), refused(404, "unknown_draft"));
    assert_eq!(shop.commit(&draft, "ann").await.problem(), refused(404, "unknown_draft"));
    assert_eq!(shop.count("orders"), 0);
}

#[tokio::test]
async fn a_draft_lives_for_as_long_as_it_was_told_by_the_databases_clock() {
    let shop = Shop::open_with(&["--draft-ttl", "90m"]).await;
    let draft = shop.draft("ann", &lamps(2)).await;
    let shown = shop.get(&draft, "ann").await.json();
    let (left, at): (f64, String) = shop
        .file()
        .query_row(
            "SELECT expires / 1000.0 - unixepoch('now', 'subsec'), strftime('%FT%R:%fZ', expires / 1000.0, 'unixepoch') \
             FROM drafts",
            (),
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    assert_eq!(shown["expires"], at);
    // However slow this machine is.
    assert!(left <= 5_400.0 && left > 5_400.0 - idem_tests::PATIENCE.as_secs_f64(), "{left}");
}

#[tokio::test]
async fn expired_drafts_are_deleted_in_small_batches_and_no_others_are() {
    let folder = TempDir::new().unwrap();
    drop(start(&folder, &[]).await);
    let file = file_in(&folder);
    file.execute_batch(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1050) \
         INSERT INTO drafts SELECT 'expired ' || i, 'ann', 'lamp', 1, i FROM n; \
         INSERT INTO drafts SELECT 'alive ' || i, 'ann', 'lamp', 1, (unixepoch() + 3600) * 1000 \
         FROM (SELECT 1 AS i UNION SELECT 2); \
         CREATE TRIGGER stuck BEFORE DELETE ON drafts WHEN OLD.id = 'expired 550' \
         BEGIN SELECT RAISE(ABORT, 'stuck'); END",
    )
    .unwrap();
    let shop = Shop { program: start(&folder, &["--sweep-every", "50ms"]).await, folder };
    let left =
        async |number: u32| until("that many are left", async || (shop.count("drafts") == number).then_some(())).await;
    // What cannot be deleted keeps its own batch of a hundred, and none that went before it.
    left(550 + 2).await;
    file.execute_batch("DROP TRIGGER stuck").unwrap();
    left(2).await;
    let alive = "drafts WHERE id LIKE 'alive %'";
    assert_eq!(shop.count(alive), 2);
    // Not only at the start.
    assert_eq!(file.execute("UPDATE drafts SET expires = 1 WHERE id = 'alive 1'", ()).unwrap(), 1);
    left(1).await;
}
