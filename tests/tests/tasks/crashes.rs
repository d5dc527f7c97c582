//! Killed and told to stop in the middle.

use idem_tests::process::Program;
use idem_tests::until;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;

use super::{Bed, get, list, new, post, told};

/// Sends a request, and never reads its answer.
async fn send_and_forget(program: &Program, key: &str, title: &str) -> tokio::net::TcpStream {
    let mut connection = tokio::net::TcpStream::connect(program.address).await.unwrap();
    let body = json!({ "title": title }).to_string();
    let request = format!(
        "POST /v1/tasks?user_id=42 HTTP/1.1\r\nhost: tasks\r\ncontent-type: application/json\r\nif-match: *\r\n\
         x-idempotency-key: {key}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    connection
}

#[tokio::test]
async fn killed_when_the_task_is_committed_and_the_answer_not_read_it_is_the_one_task() {
    let bed = Bed::new();
    let mut program = bed.start_patient().await;
    let _unread = send_and_forget(&program, "k", "Buy milk").await;
    until("the task", async || (bed.titles() == ["Buy milk"]).then_some(())).await;
    program.kill();
    let program = bed.start_patient().await;
    let retry = post(&program, new("*", "k", "Buy milk")).await;
    assert_eq!((retry.status, retry.replayed, &retry.json()["id"]), (200, true, &json!(1)));
    assert_eq!(retry.header("etag").as_deref(), Some("\"rev2\""));
    assert_eq!(list(&program, 42).await, ("\"rev2\"".into(), vec!["Buy milk".into()]));
}

#[tokio::test]
async fn killed_when_the_task_is_written_and_not_committed_it_leaves_nothing_and_the_retry_makes_it() {
    let bed = Bed::new();
    let (key, title, before) = killed_in_the_middle(&bed).await;
    assert_eq!(bed.titles().len(), before, "nothing of it is left");
    let program = bed.start_patient().await;
    let (revision, titles) = list(&program, 42).await;
    assert_eq!((revision, titles.len()), (format!("\"rev{}\"", before + 1), before));
    // The key is held until the lease of its dead owner ends.
    let made = until("the end of the lease", async || {
        let seen = post(&program, new("*", &key, &title)).await;
        if seen.status == 409 {
            assert_eq!(seen.problem(), told(409, "in_progress"));
            assert!(seen.header("retry-after").is_some());
            return None;
        }
        Some(seen)
    })
    .await;
    assert_eq!((made.status, made.replayed), (201, false));
    assert_eq!(made.header("etag"), Some(format!("\"rev{}\"", before + 2)));
    assert!(post(&program, new("*", &key, &title)).await.replayed);
    assert_eq!(bed.titles().iter().filter(|other| **other == title).count(), 1);
}

/// Until it says that a task is written, of which nothing can be seen yet.
async fn until_written(program: &Program) {
    until("the task is written", async || {
        program.output().lines().any(|line| line.ends_with(" is written, and not committed yet")).then_some(())
    })
    .await;
}

/// Gives the request's key and title, and how many tasks were there before. The program says when it is time, and leaves
/// four seconds to kill it in; whoever comes too late tries again.
async fn killed_in_the_middle(bed: &Bed) -> (String, String, usize) {
    for number in 0.. {
        let (key, title) = (format!("k-{number}"), format!("task {number}"));
        let mut program = bed.start(&["--delay", "4s"]).await;
        let before = bed.titles().len();
        let _unread = send_and_forget(&program, &key, &title).await;
        until_written(&program).await;
        program.kill();
        if bed.titles().len() == before {
            return (key, title, before);
        }
    }
    unreachable!("it is tried for ever")
}

#[tokio::test]
async fn sigterm_ends_it_when_all_is_recorded() {
    let bed = Bed::new();
    let mut program = bed.start(&["--delay", "500ms"]).await;
    let made = tokio::spawn(post(&program, new("\"rev1\"", "k", "Buy milk")));
    until_written(&program).await;
    program.signal("TERM");
    assert_eq!((made.await.unwrap().status, program.ended().await), (201, Some(0)));
    let program = bed.start_patient().await;
    assert!(post(&program, new("\"rev1\"", "k", "Buy milk")).await.replayed);
    let kept = get(&program, "/v1/tasks/1").await.json();
    assert_eq!(kept["title"], "Buy milk");
}
