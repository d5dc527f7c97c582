//! What the README says of the examples, done literally.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use idem_tests::process::{Program, built};
use idem_tests::rabbitmq_server::RabbitMqServer;
use idem_tests::redis_server::RedisServer;
use tempfile::TempDir;

const README: &str = include_str!("../../README.md");

/// A section of the README that walks through an example.
struct WalkThrough {
    example: &'static str,
    lines: Vec<&'static str>,
}

/// Every section about an example begins with the one line that starts it, in a block of its own; or, if it takes commands,
/// with the first of them.
fn walk_throughs() -> Vec<WalkThrough> {
    let (_, examples) = README.split_once("\n## The examples\n").unwrap();
    let (examples, _) = examples.split_once("\n## ").unwrap();
    examples.split("\n### ").skip(1).map(walk_through).collect()
}

fn walk_through(section: &'static str) -> WalkThrough {
    let blocks = section.split("```sh\n").skip(1).map(|block| block.split_once("\n```").unwrap().0);
    let mut lines: Vec<&str> = blocks.flat_map(str::lines).collect();
    let started = lines[0].strip_prefix("cargo run -p ").unwrap();
    let example = started.split_once(' ').map_or(started, |(example, _)| example);
    if example == started {
        lines.remove(0);
    }
    WalkThrough { example, lines }
}

/// The status that a line says it gets: `curl .. # 428`.
fn expected(line: &str) -> Option<&str> {
    line.rsplit_once(" # ").map(|(_, status)| status)
}

fn default_address(lines: &[&str]) -> String {
    let text = lines.join("\n");
    let (_, rest) = text.split_once("http://").unwrap();
    rest.chars().take_while(|c| c.is_ascii_digit() || ".:".contains(*c)).collect()
}

/// Runs all lines in one shell, and gives what each has printed.
fn run(lines: &[&str], folder: &Path) -> Vec<String> {
    const END: &str = "@@ ended with";
    let script: String = lines.iter().map(|line| format!("{{\n{line}\n}}\nprintf '\\n{END} %s\\n' $?\n")).collect();
    let output = Command::new("bash").args(["-c", &script]).current_dir(folder).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut printed: Vec<String> = Vec::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once(END) {
        let (code, next) = after.split_once('\n').unwrap();
        assert_eq!(code, " 0", "{}: {before}", lines[printed.len()]);
        printed.push(before.to_owned());
        rest = next;
    }
    assert_eq!(printed.len(), lines.len(), "{text}");
    printed
}

async fn walk(example: &str) {
    let through = walk_throughs().into_iter().find(|through| through.example == example).unwrap();
    let folder = TempDir::new().unwrap();
    let store = format!("sqlite:{}", folder.path().join("walk.db").display());
    let program = Program::start(&built(example), &["--listen", "127.0.0.1:0", "--store", &store]).await;
    let written_for = default_address(&through.lines);
    let here = program.address.to_string();
    let lines: Vec<String> = through.lines.iter().map(|line| line.replace(&written_for, &here)).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let printed = run(&lines, folder.path());
    lines.iter().zip(&printed).for_each(|(line, printed)| judge(line, printed));
}

fn judge(line: &str, printed: &str) {
    let Some(status) = expected(line) else { return };
    let said = printed.rsplit("HTTP/1.1 ").next().and_then(|rest| rest.split_whitespace().next());
    assert_eq!(said, Some(status), "{line}\n{printed}");
}

#[tokio::test]
async fn payments() {
    walk("payments").await;
}

#[tokio::test]
async fn orders() {
    walk("orders").await;
}

#[tokio::test]
async fn tasks() {
    walk("tasks").await;
}

#[tokio::test]
async fn client() {
    walk("client").await;
}

/// Its lines are commands; behind `#` stands what they print.
#[tokio::test]
async fn consumer() {
    let through = walk_throughs().into_iter().find(|through| through.example == "consumer").unwrap();
    let (rabbitmq, redis) = (RabbitMqServer::start().await, RedisServer::start().await);
    let folder = TempDir::new().unwrap();
    let program = format!("{} ", built("consumer").display());
    let here = |line: &&str| {
        line.replace("cargo run -q -p consumer -- ", &program)
            .replace("cargo run -p consumer -- ", &program)
            .replace(" rabbitmq", &format!(" rabbitmq --url {}", rabbitmq.url()))
            .replace(" redis-streams", &format!(" redis-streams --url {}", redis.url()))
    };
    let lines: Vec<String> = through.lines.iter().map(here).collect();
    let mut script = vec!["exec 2>&1"];
    script.extend(lines.iter().map(String::as_str));
    let printed = run(&script, folder.path());
    for (line, printed) in lines.iter().zip(&printed[1..]) {
        let said = expected(line).unwrap_or_default();
        assert!(printed.contains(said), "{line}\n{printed}");
    }
}

#[test]
fn every_example_has_a_walk_through_whose_every_request_names_its_status() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let folders = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let walked: BTreeSet<String> = walk_throughs().iter().map(|through| through.example.to_owned()).collect();
    assert_eq!(folders.collect::<BTreeSet<_>>(), walked);
    for WalkThrough { example, lines } in walk_throughs() {
        assert!(lines.len() > 5, "{example}");
        for line in lines {
            let names_it = expected(line).is_some_and(|status| status.parse::<u16>().is_ok());
            assert!(names_it || !line.starts_with("curl "), "{example}: {line}");
        }
    }
}

#[test]
#[should_panic(expected = "curl -i there # 201")]
fn another_status_than_the_line_names_is_found() {
    judge("curl -i there # 201", "HTTP/1.1 200 OK\r\n");
}
