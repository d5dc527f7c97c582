//! Each switch does what it says, and there is one charge.

use crate::visit::{Totals, Visit};

const CUT: &str = "No answer: the line was cut";
const HUNG_UP: &str = "No answer in time: hung up";
const IN_PROGRESS: &str = "Refused: still in progress";

fn words(rows: &[(String, String)]) -> Vec<(&str, &str)> {
    rows.iter().map(|(status, words)| (status.as_str(), words.as_str())).collect()
}

#[tokio::test]
async fn ten_retries_are_one_charge() {
    let visit = Visit::start().await;
    visit.pay().await;
    let totals = Totals { requests: 11, executed: 1, replayed: 10, refused: 0, charges: 1 };
    assert_eq!(visit.totals().await, totals);
    let happened = visit.happened().await;
    let (first, retries) = happened.split_first().unwrap();
    assert_eq!(words(std::slice::from_ref(first)), [("201", "Executed")]);
    assert_eq!(words(retries), [("200", "Replayed"); 10]);
    let verdict = visit.browser.script("return document.querySelector('.verdict').textContent").await;
    assert_eq!(verdict, "11 requests, 1 charge");
    let keys = "return new Set([...document.querySelectorAll('td.key')].map((cell) => cell.textContent)).size";
    assert_eq!(visit.browser.script(keys).await, 1);
    // The next payment is another one, with a key of its own.
    visit.retries(0).await;
    visit.pay().await;
    let totals = Totals { requests: 12, executed: 2, replayed: 10, refused: 0, charges: 2 };
    assert_eq!(visit.totals().await, totals);
    assert_eq!(visit.browser.script(keys).await, 2);
    visit.ends_well().await;
}

#[tokio::test]
async fn lost_answers_are_asked_for_again() {
    let visit = Visit::start().await;
    visit.retries(0).await;
    visit.switch("Lose the answer").await;
    visit.pay().await;
    assert_eq!(words(&visit.happened().await), [("–", CUT), ("–", CUT), ("200", "Replayed")]);
    // The work was done the first time, and the second answer was a replay that was lost too.
    let totals = Totals { requests: 3, executed: 1, replayed: 2, refused: 0, charges: 1 };
    assert_eq!(visit.totals().await, totals);
    visit.ends_well().await;
}

#[tokio::test]
async fn a_double_click_is_one_charge() {
    let visit = Visit::start().await;
    visit.retries(0).await;
    visit.switch("Double click").await;
    visit.pay().await;
    let totals = visit.totals().await;
    // The second one is told to wait, or comes late and gets the answer.
    let happened = visit.happened().await;
    let happened = words(&happened);
    let told = |what| happened.iter().filter(|row| **row == what).count();
    assert_eq!((told(("201", "Executed")), told(("200", "Replayed"))), (1, 1), "{happened:?}");
    assert_eq!(told(("409", IN_PROGRESS)), happened.len() - 2, "{happened:?}");
    let refused = happened.len() as u64 - 2;
    assert_eq!(totals, Totals { requests: 2 + refused, executed: 1, replayed: 1, refused, charges: 1 });
    visit.ends_well().await;
}

#[tokio::test]
async fn a_slow_provider_is_waited_for_and_a_press_meanwhile_has_the_same_key() {
    let visit = Visit::start().await;
    visit.retries(0).await;
    visit.switch("Slow provider").await;
    let button = visit.browser.named("button", "Pay €12.50").await;
    visit.browser.click(&button).await;
    visit.says("still in progress").await;
    visit.browser.click(&button).await;
    visit.done().await;
    // The second press has its answer too.
    let answered = "return [...document.querySelectorAll('.happened')] \
                    .filter((cell) => cell.textContent == 'Replayed').length == 2";
    visit.browser.until("two replays", answered).await;
    let happened = visit.happened().await;
    let happened = words(&happened);
    assert_eq!(happened[0], ("–", HUNG_UP));
    let others = &happened[1..];
    assert!(others.iter().all(|row| [("409", IN_PROGRESS), ("200", "Replayed")].contains(row)), "{happened:?}");
    let refused = others.len() as u64 - 2;
    let totals = Totals { requests: 3 + refused, executed: 1, replayed: 2, refused, charges: 1 };
    assert_eq!(visit.totals().await, totals);
    assert_eq!(visit.browser.script("return document.querySelectorAll('.payment').length").await, 1);
    visit.ends_well().await;
}

#[tokio::test]
async fn after_a_server_error_the_retry_runs() {
    let visit = Visit::start().await;
    visit.retries(1).await;
    visit.switch("Server error").await;
    visit.pay().await;
    assert_eq!(words(&visit.happened().await), [("502", "Failed, nothing is recorded"), ("201", "Executed")]);
    let totals = Totals { requests: 2, executed: 2, replayed: 0, refused: 0, charges: 1 };
    assert_eq!(visit.totals().await, totals);
    visit.ends_well().await;
}

#[tokio::test]
async fn another_amount_under_the_same_key_is_refused() {
    let visit = Visit::start().await;
    visit.switch("Change the amount").await;
    visit.pay().await;
    let rows = [("201", "Executed"), ("422", "Refused: €99.99 is another request")];
    assert_eq!(words(&visit.happened().await), rows);
    let totals = Totals { requests: 2, executed: 1, replayed: 0, refused: 1, charges: 1 };
    assert_eq!(visit.totals().await, totals);
    visit.ends_well().await;
}

#[tokio::test]
async fn all_at_once_are_one_charge() {
    let visit = Visit::start().await;
    for fault in ["Lose the answer", "Double click", "Slow provider", "Server error"] {
        visit.switch(fault).await;
    }
    visit.pay().await;
    assert_eq!(visit.totals().await.charges, 1);
    visit.ends_well().await;
}
