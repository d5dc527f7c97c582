//! The program, as a person meets it.

use std::process::Command;

use idem_tests::process::built;
use idem_tests::{soon, until};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use crate::{ID, Shop};

#[tokio::test]
async fn the_curl_lines_that_it_prints_work_when_pasted() {
    let shop = Shop::open().await;
    let printed = until("the whole greeting", async || {
        let output = shop.program.output();
        // Its last line.
        output.split_once("one order of each").is_some_and(|(_, rest)| rest.contains("curl ")).then_some(output)
    })
    .await;
    let lines: Vec<&str> = printed.lines().filter_map(|line| line.strip_prefix("  ")).collect();
    assert_eq!(lines.len(), 12, "{printed}");
    // In one session: a variable is set in one line and used in others.
    let script = lines.join("\nprintf '\\n=====\\n'\n");
    let output = Command::new("bash").args(["-c", &script]).output().unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<&str> = output.split("\n=====\n").collect();
    let status = |answer: &str| answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).map(ToOwned::to_owned);
    let statuses: Vec<_> = answers[..11].iter().map(|answer| status(answer)).collect();
    let expected = ["201", "200", "422", "409", "428", "201", "200", "", "200", "201", "200"];
    let expected = expected.map(|status| (!status.is_empty()).then(|| status.to_owned()));
    assert_eq!(statuses, expected, "{output}");
    for (first, again) in [(0, 1), (5, 6), (9, 10)] {
        let body = |answer: usize| answers[answer].rsplit("\r\n\r\n").next().unwrap().trim();
        assert_eq!(body(first), body(again));
        assert!(answers[again].contains("idempotency-replayed: true"));
    }
    let orders: Vec<Value> = serde_json::from_str(answers[11]).unwrap();
    let items: Vec<&Value> = orders.iter().map(|order| &order["item"]).collect();
    assert_eq!(items, ["table", "chair", "lamp"]);
}

#[tokio::test]
async fn wrong_options_end_it_with_one_clear_line() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let folder = tempfile::TempDir::new().unwrap();
    let in_folder = |file: &str| format!("sqlite:{}", folder.path().join(file).display());
    let (fine, foreign, text) = (in_folder("fine.db"), in_folder("foreign.db"), in_folder("text.db"));
    let other = idem_runtime::rusqlite::Connection::open(folder.path().join("foreign.db")).unwrap();
    other.execute_batch("CREATE TABLE orders (number INTEGER)").unwrap();
    std::fs::write(folder.path().join("text.db"), "no database, but some text that is long enough".repeat(9)).unwrap();
    for (arguments, needed) in [
        (["--store", "redis://user:canary@h", "--listen", "127.0.0.1:0"], "`redis:` names no file"),
        (["--store", "memory:", "--listen", "127.0.0.1:0"], "use `sqlite:FILE`"),
        (["--store", "sqlite::memory:", "--listen", "127.0.0.1:0"], "names no file"),
        (["--store", "sqlite:", "--listen", "127.0.0.1:0"], "names no file"),
        (["--store", "nonsense", "--listen", "127.0.0.1:0"], "use `sqlite:FILE`"),
        (["--store", "sqlite:/nowhere/orders.db", "--listen", "127.0.0.1:0"], "its folder does not exist"),
        (["--store", "sqlite:/", "--listen", "127.0.0.1:0"], "it is a folder"),
        (["--store", &text, "--listen", "127.0.0.1:0"], "no SQLite database"),
        (["--store", &foreign, "--listen", "127.0.0.1:0"], "no such column"),
        (["--store", &fine, "--listen", &taken], "cannot listen on"),
    ] {
        let output = Command::new(built("orders")).args(arguments).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.starts_with("orders: ") && said.contains(needed), "{arguments:?}: {said}");
        assert_eq!((said.trim_end().lines().count(), output.stdout.len()), (1, 0), "{said}");
        assert!(!said.contains("canary"));
    }
    for arguments in [["--draft-ttl", "soon"], ["--draft-ttl", "1000y"], ["--sweep-every", "0s"]] {
        let output = Command::new(built("orders")).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}

#[tokio::test]
async fn i37_after_sigterm_nothing_new_is_claimed_and_what_was_begun_is_answered() {
    let mut shop = Shop::open().await;
    let address = shop.program.address;
    let body = crate::lamps(2).to_string();
    let mut client = BufReader::new(TcpStream::connect(address).await.unwrap());
    let head = format!(
        "PUT /v1/orders/{ID} HTTP/1.1\r\nhost: shop\r\nauthorization: Bearer ann\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nexpect: 100-continue\r\n\r\n",
        body.len()
    );
    client.write_all(head.as_bytes()).await.unwrap();
    let mut line = String::new();
    // Said when the handler's extractors ask for the body.
    soon("the request is begun", client.read_line(&mut line)).await.unwrap();
    assert!(line.starts_with("HTTP/1.1 100 "), "{line}");
    shop.program.signal("TERM");
    until("nobody else is let in", async || TcpStream::connect(address).await.is_err().then_some(())).await;
    client.write_all(body.as_bytes()).await.unwrap();
    let mut rest = String::new();
    soon("the end of the answer", client.read_to_string(&mut rest)).await.unwrap();
    // Its body was not there when the signal came, and so no claim: the client sends it again, to whoever comes next.
    assert!(rest.contains("HTTP/1.1 503 ") && rest.contains("retry-after: ") && rest.contains("draining"), "{rest}");
    assert_eq!(shop.program.ended().await, Some(0));
    assert_eq!((shop.count("orders"), shop.count("idem_records")), (0, 0));
}
