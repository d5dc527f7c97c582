//! Too many requests.

use idem_tests::until;

use super::{Bed, New, get, list, new, post, told};

#[tokio::test]
async fn whoever_sends_too_many_is_told_when_to_come_again_and_claims_nothing() {
    let bed = Bed::new();
    // One more in 1,000 seconds: which is never, here.
    let program = bed.start(&["--requests-per-second", "0.001", "--burst", "3"]).await;
    let milk = new("\"rev1\"", "k-1", "Buy milk");
    assert_eq!(list(&program, 42).await.0, "\"rev1\"");
    assert_eq!(post(&program, milk).await.status, 201);
    assert!(post(&program, milk).await.replayed);
    let bread = new("\"rev2\"", "k-2", "Buy bread");
    // Also a replay, also another user, also what does not exist.
    let refused = [
        post(&program, milk).await,
        post(&program, bread).await,
        post(&program, New { user: 7, ..bread }).await,
        get(&program, "/v1/tasks?user_id=42").await,
        get(&program, "/nowhere").await,
    ];
    for seen in refused {
        assert_eq!(seen.problem(), told(429, "too_many_requests"));
        let wait: u64 = seen.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=1000).contains(&wait), "{wait}");
    }
    drop(program);
    let program = bed.start_patient().await;
    // Had it claimed its key, another body would be refused.
    let other = post(&program, New { title: "Buy butter", ..bread }).await;
    assert_eq!((other.status, other.replayed), (201, false));
    assert!(post(&program, milk).await.replayed);
}

#[tokio::test]
async fn whoever_waits_as_long_as_told_is_served() {
    let bed = Bed::new();
    let program = bed.start(&["--requests-per-second", "2", "--burst", "1"]).await;
    let wait: u64 = until("a refusal", async || {
        let seen = get(&program, "/v1/tasks?user_id=42").await;
        (seen.status == 429).then(|| seen.header("retry-after").unwrap().parse().unwrap())
    })
    .await;
    assert_eq!(wait, 1, "half a second, rounded up");
    tokio::time::sleep(std::time::Duration::from_secs(wait)).await;
    assert_eq!(get(&program, "/v1/tasks?user_id=42").await.status, 200);
}
