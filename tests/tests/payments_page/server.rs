//! The page and its server.

use idem_tests::process::{Program, built, free_port};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::visit::{Totals, Visit};

/// What a request without a browser is answered, if it is.
async fn pay_with(program: &Program, key: &str, fault: (&str, &str)) -> Result<u16, reqwest::Error> {
    let url = format!("http://127.0.0.1:{}/v1/payments", program.address.port());
    let request = reqwest::Client::new().post(url).header("x-idempotency-key", key).header(fault.0, fault.1);
    let answer = request.json(&json!({ "order": "by hand", "amount": 5 })).send().await?;
    Ok(answer.status().as_u16())
}

#[tokio::test]
async fn it_follows_what_others_pay_and_lives_through_a_restart() {
    let folder = TempDir::new().unwrap();
    let store = format!("sqlite:{}", folder.path().join("payments.db").display());
    let address = format!("127.0.0.1:{}", free_port());
    let arguments = ["--listen", &address, "--store", &store, "--delay", "0s"];
    let mut visit = Visit::with(&arguments).await;
    assert_eq!(pay_with(&visit.program, "k-1", ("accept", "*/*")).await.unwrap(), 201);
    let listed = "return document.querySelector('#charges li .order')?.textContent == 'by hand'";
    visit.browser.until("the charge", listed).await;
    let totals = Totals { requests: 1, executed: 1, replayed: 0, refused: 0, charges: 1 };
    assert_eq!(visit.totals().await, totals);

    visit.retries(0).await;
    visit.pay().await;
    visit.program.kill();
    visit.says("The server does not answer").await;
    visit.program = Program::start(&built("payments"), &arguments).await;
    visit.says("Ready.").await;
    // Counts and charges begin with the program. What was charged before is charged still, and paid no second time.
    assert_eq!(pay_with(&visit.program, "k-1", ("accept", "*/*")).await.unwrap(), 200);
    let replayed = "return document.querySelector('[data-total=replayed]').textContent == '1' \
                    && document.querySelector('[data-total=charged]').textContent == '0' \
                    && document.querySelectorAll('#charges li').length == 0";
    visit.browser.until("the replay", replayed).await;
    let verdict = "return document.querySelector('.verdict').textContent";
    assert_eq!(visit.browser.script(verdict).await, "1 request, 1 charge");
}

#[tokio::test]
async fn it_keeps_nobody_from_stopping_the_program() {
    let mut visit = Visit::start().await;
    visit.program.signal("TERM");
    assert_eq!(visit.program.ended().await, Some(0));
    visit.says("The server does not answer").await;
}

#[tokio::test]
async fn faults_are_for_those_at_this_machine_alone() {
    let visit = Visit::start().await;
    assert!(pay_with(&visit.program, "k-1", ("demo-lose-answer", "1")).await.is_err());
    assert_eq!(pay_with(&visit.program, "k-1", ("demo-lose-answer-not", "1")).await.unwrap(), 200);
    assert_eq!(pay_with(&visit.program, "k-2", ("demo-provider", "failing")).await.unwrap(), 502);
    let disabled = "return document.querySelectorAll('input:disabled').length";
    assert_eq!(visit.browser.script(disabled).await, 0);
    visit.ends_well().await;

    let visit = Visit::with(&["--listen", "0.0.0.0:0", "--store", "memory:", "--delay", "0s"]).await;
    for (key, fault) in [("k-1", ("demo-lose-answer", "1")), ("k-2", ("demo-provider", "failing"))] {
        assert_eq!(pay_with(&visit.program, key, fault).await.unwrap(), 201);
    }
    let disabled = "return document.querySelectorAll('input:disabled').length == 5 \
                    && !document.querySelector('#no-faults').hidden";
    visit.browser.until("switches that cannot be used", disabled).await;
    visit.pay().await;
    assert_eq!(visit.happened().await.len(), 11);
    visit.ends_well().await;
}

#[tokio::test]
async fn its_policy_allows_nothing_from_elsewhere() {
    let visit = Visit::start().await;
    for path in ["", "demo/page.css", "demo/page.js", "demo/client.js", "demo/icon.svg"] {
        let answer = reqwest::get(format!("http://{}/{path}", visit.program.address)).await.unwrap();
        let policy = answer.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
    }
    // What somebody might put into the page does nothing.
    let refused = visit
        .browser
        .script(
            "window.refused = []; \
             addEventListener('securitypolicyviolation', (event) => refused.push(event.effectiveDirective)); \
             const image = document.createElement('img'); image.src = 'http://localhost:1/'; document.body.append(image); \
             const script = document.createElement('script'); script.text = 'window.ran = true'; document.body.append(script); \
             return window.ran ?? null",
        )
        .await;
    assert_eq!(refused, Value::Null);
    let violations = "return refused.includes('img-src') && refused.includes('script-src-elem')";
    visit.browser.until("two violations", violations).await;
}
