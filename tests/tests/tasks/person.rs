//! What a person sees who starts it.

use std::process::Command;

use idem_tests::process::built;
use idem_tests::until;

use super::Bed;

#[tokio::test]
async fn the_curl_lines_that_it_prints_work_when_pasted() {
    let bed = Bed::new();
    let program = bed.start(&["--requests-per-second", "0.001"]).await;
    let printed = until("the whole greeting", async || {
        let output = program.output();
        output.contains("makes the one task").then_some(output)
    })
    .await;
    let lines: Vec<&str> = printed.lines().filter_map(|line| line.strip_prefix("  ")).collect();
    let statuses = ["200", "201", "200", "412", "428", "201", "409", "200", "404"];
    assert_eq!(lines.len(), statuses.len() + 1, "{printed}");
    let mut answers = Vec::new();
    for line in lines {
        let output = Command::new("sh").args(["-c", line]).output().unwrap();
        answers.push(String::from_utf8(output.stdout).unwrap());
    }
    for (answer, status) in answers.iter().zip(statuses) {
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
    assert!(answers[0].contains("etag: \"rev1\""), "{}", answers[0]);
    assert!(answers[2].contains("idempotency-replayed: true") && answers[2].contains("etag: \"rev2\""));
    let counts: Vec<Vec<&str>> = answers[9].lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(counts, [["41", "200"], ["159", "429"]]);
    assert_eq!(bed.titles(), ["Buy milk", "Call mum"]);
}

#[tokio::test]
async fn wrong_options_end_it_with_one_clear_line() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (arguments, needed) in [
        (["--store", "memory:"], "name it with --store sqlite:FILE"),
        (["--store", "redis://user:canary@h"], "name it with --store sqlite:FILE"),
        (["--store", "sqlite:/nowhere/tasks.db"], "its folder does not exist"),
        (["--store", "sqlite:/"], "it is a folder"),
        (["--store", "sqlite::memory:"], "use `memory:`"),
        (["--listen", &taken], "cannot listen on"),
    ] {
        let arguments = [&arguments[..], &["--listen", "127.0.0.1:0"][usize::from(arguments[0] == "--listen") * 2..]];
        let output = Command::new(built("tasks")).args(arguments.concat()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.starts_with("tasks: ") && said.contains(needed), "{arguments:?}: {said}");
        assert_eq!((said.trim_end().lines().count(), output.stdout.len()), (1, 0), "{said}");
        assert!(!said.contains("canary"));
    }
    for arguments in [
        ["--delay", "5s"],
        ["--delay", "soon"],
        ["--requests-per-second", "0"],
        ["--requests-per-second", "-1"],
        ["--requests-per-second", "NaN"],
        ["--requests-per-second", "many"],
        ["--burst", "0"],
    ] {
        let output = Command::new(built("tasks")).args([&arguments.join("=")]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}
