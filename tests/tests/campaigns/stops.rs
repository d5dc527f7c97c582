//! I3, I14, I20: an owner that is stopped (`SIGSTOP`) for longer than its lease, and continued when another one has
//! recorded its outcome.

use idem_tests::outside::Outside;
use idem_tests::soon;

use super::Counts;
use super::bed::{Bed, Kind, retry, send};

pub(crate) const fn fault(_: Kind) -> &'static str {
    "an owner is stopped (`SIGSTOP`) past its lease, and continued when the retry was answered"
}

pub(crate) async fn run(kind: Kind) -> Counts {
    let (bed, outside) = (Bed::new(kind).await, Outside::new().await);
    let (first, second) = (outside.server_on(&bed.url()).await, outside.server_on(&bed.url()).await);
    let path = kind.retrying();
    let stale = tokio::spawn(send(&first, path, "k"));
    let stopped = outside.next_at("before-effect").await;
    first.signal("STOP");
    let (recorded, ()) = tokio::join!(retry(&second, path, "k"), outside.let_one_pass());
    assert_eq!((recorded.status, recorded.replayed), (201, false));
    first.signal("CONT");
    stopped.go_on().await;
    // In a transaction that has been ended, nothing can be written any more: the handler may end there.
    let pass = async {
        outside.next_at("after-effect").await.go_on().await;
        std::future::pending().await
    };
    let stale = async { soon("the stale owner's answer", stale).await.unwrap() };
    let stale = tokio::select! {
        answer = stale => answer,
        () = pass => unreachable!("it only lets pass"),
    };
    // Never its own answer: the recorded one, or none.
    let is_recorded = stale.replayed && stale.body == recorded.body;
    let is_no_answer = stale.status == 503 || (stale.status == 500 && kind.is_transactional());
    assert!(is_recorded || is_no_answer, "{stale:?}");
    let mut counts = Counts { operations: 1, ..Counts::default() };
    for server in [&first, &second] {
        let again = retry(server, path, "k").await;
        counts.lost_records += usize::from(!again.replayed);
        counts.changed_answers += usize::from(again.body != recorded.body);
    }
    counts.repeated = bed.effects(&outside, "k").await - 1;
    counts
}
