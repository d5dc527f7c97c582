//! When tries are made, to the millisecond: Tokio's clock stands still but for what is slept.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod script;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use idem_client::reqwest::{Response, header};
use idem_client::reqwest_middleware::{ClientWithMiddleware, RequestBuilder};
use idem_client::{Error, Outcome, Retry, Stopped, Unanswered, stripe_should_retry};
use script::{Line, Script, status, with};

const S: Duration = Duration::from_secs(1);

fn post(client: &ClientWithMiddleware) -> RequestBuilder {
    client.post("http://shop.example/pay?secret").body("12.50")
}

fn outcome(response: &Response) -> (u16, u32, Stopped) {
    let outcome = Outcome::of(response).unwrap();
    (response.status().as_u16(), outcome.attempts(), outcome.stopped())
}

/// Sends one `POST` through a client with these options; gives what came of it, and when the tries were made.
async fn run(retry: idem_client::RetryBuilder, drawn: &[f64], lines: Vec<Line>) -> ((u16, u32, Stopped), Vec<u128>) {
    let script = Script::new(lines);
    let response = post(&script.client(retry, drawn)).send().await.unwrap();
    assert_eq!(Some(&script.now()), script.asked().last(), "nothing is waited for after the last try");
    (outcome(&response), script.asked())
}

#[tokio::test(start_paused = true)]
async fn each_delay_is_drawn_below_a_ceiling_that_doubles() {
    let lines = || vec![status(503), status(500), status(429), status(201)];
    let (outcome, asked) = run(Retry::builder(), &[0.5, 1.0, 0.25], lines()).await;
    assert_eq!(outcome, (201, 4, Stopped::Final));
    assert_eq!(asked, [0, 500, 2_500, 3_500]);
    assert_eq!(run(Retry::builder(), &[0.0], lines()).await.1, [0, 0, 0, 0]);
    assert_eq!(run(Retry::builder(), &[1.0], lines()).await.1, [0, 1_000, 3_000, 7_000]);
}

#[tokio::test(start_paused = true)]
async fn the_ceiling_has_a_bound() {
    let retry = Retry::builder().max_attempts(6).backoff(2 * S, 5 * S);
    let (outcome, asked) = run(retry, &[1.0], vec![status(503)]).await;
    assert_eq!(outcome, (503, 6, Stopped::AttemptsSpent));
    assert_eq!(asked, [0, 2_000, 6_000, 11_000, 16_000, 21_000]);
}

#[tokio::test(start_paused = true)]
async fn without_a_source_of_its_own_it_draws_at_random_below_the_ceiling() {
    let script = Script::new([status(503), status(201)]);
    let http = idem_client::reqwest::Client::new();
    let client = idem_client::reqwest_middleware::ClientBuilder::new(http).with(Retry::default()).with(script.clone());
    post(&client.build()).send().await.unwrap();
    assert!(script.asked()[1] <= 1_000);
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_obeyed_in_both_forms() {
    let date = [("date", "Tue, 24 Nov 2026 12:00:00 GMT"), ("retry-after", "Tue, 24 Nov 2026 12:00:09 GMT")];
    let lines = vec![with(503, &[("retry-after", "7")]), with(429, &date), status(201)];
    let (outcome, asked) = run(Retry::builder(), &[0.5], lines).await;
    assert_eq!((outcome, asked), ((201, 3, Stopped::Final), vec![0, 7_000, 16_000]));
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_that_says_nothing_leaves_it_to_the_backoff() {
    let past = [("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")];
    let lines =
        vec![with(503, &past), with(503, &[("retry-after", "soon")]), with(503, &[("retry-after", "0")]), status(201)];
    let (_, asked) = run(Retry::builder(), &[1.0], lines).await;
    assert_eq!(asked, [0, 1_000, 3_000, 7_000]);
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_of_a_century_is_not_waited_for_and_not_ignored() {
    let date = "Sun, 24 Nov 2126 12:00:00 GMT";
    for value in ["3153600000", "99999999999999999999999", date, "61"] {
        let (outcome, asked) = run(Retry::builder(), &[1.0], vec![with(503, &[("retry-after", value)])]).await;
        assert_eq!((outcome, asked), ((503, 1, Stopped::ToldToWaitTooLong), vec![0]), "{value}");
    }
    let (outcome, asked) = run(Retry::builder(), &[1.0], vec![with(503, &[("retry-after", "60")]), status(201)]).await;
    assert_eq!((outcome, asked), ((201, 2, Stopped::Final), vec![0, 60_000]));
}

#[tokio::test(start_paused = true)]
async fn no_delay_is_begun_that_ends_after_the_total_time() {
    let retry = || Retry::builder().max_attempts(20).total_time(10 * S);
    let (outcome, asked) = run(retry(), &[1.0], vec![status(503)]).await;
    assert_eq!((outcome, asked), ((503, 4, Stopped::TimeSpent), vec![0, 1_000, 3_000, 7_000]));
    let (outcome, asked) = run(retry(), &[1.0], vec![with(503, &[("retry-after", "10")])]).await;
    assert_eq!((outcome, asked), ((503, 1, Stopped::TimeSpent), vec![0]));
}

/// The last try gets what is left of the total time.
#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_is_given_up_in_time() {
    for line in [Line::NeverAnswers, Line::BeginsToAnswer(201)] {
        let script = Script::new([line]);
        let error = post(&script.client(Retry::builder(), &[1.0])).send().await.unwrap_err();
        let Some(Error::NoAnswer { outcome, source: Unanswered::TimedOut }) = Error::of(&error) else {
            panic!("{error}")
        };
        assert_eq!((outcome.attempts(), outcome.stopped()), (4, Stopped::AttemptsSpent));
        assert_eq!(outcome.waited(), 7 * S);
        assert_eq!(outcome.key().unwrap().as_str().len(), 36);
        assert_eq!((script.asked(), script.now()), (vec![0, 31_000, 63_000, 97_000], 120_000));
    }
    let script = Script::new([Line::NeverAnswers]);
    let client = script.client(Retry::builder().try_timeout(2 * S).total_time(5 * S), &[0.5]);
    let error = post(&client).send().await.unwrap_err();
    let Some(Error::NoAnswer { outcome, .. }) = Error::of(&error) else { panic!("{error}") };
    assert_eq!((outcome.attempts(), outcome.stopped()), (2, Stopped::TimeSpent));
    assert_eq!((script.asked(), script.now()), (vec![0, 2_500], 4_500));
}

#[tokio::test(start_paused = true)]
async fn a_read_is_handed_on_as_it_comes() {
    let script = Script::new([Line::BeginsToAnswer(200)]);
    let client = script.client(Retry::builder(), &[1.0]);
    let response = client.get("http://shop.example/orders").send().await.unwrap();
    assert_eq!((outcome(&response), script.now()), ((200, 1, Stopped::Final), 0));
    let response = post(&script.client(Retry::builder().whole_answers(0), &[1.0])).send().await.unwrap();
    assert_eq!((outcome(&response), script.now()), ((200, 1, Stopped::Final), 0));
}

#[tokio::test(start_paused = true)]
async fn a_conflict_in_progress_is_waited_out_and_stays_readable() {
    const PROBLEM: &str = r#"{"status":409,"code":"in_progress"}"#;
    let conflict =
        || Line::Answers(409, vec![("content-type", "application/problem+json"), ("retry-after", "3")], PROBLEM);
    let replay = with(201, &[("idempotency-replayed", "true")]);
    let script = Script::new([conflict(), conflict(), replay]);
    let response = post(&script.client(Retry::builder(), &[0.5])).send().await.unwrap();
    assert_eq!((outcome(&response), script.asked()), ((201, 3, Stopped::Final), vec![0, 3_000, 6_000]));
    assert!(Outcome::of(&response).unwrap().is_replay());

    let response = post(&Script::new([conflict()]).client(Retry::builder(), &[0.5])).send().await.unwrap();
    assert_eq!(outcome(&response), (409, 4, Stopped::AttemptsSpent));
    assert!(!Outcome::of(&response).unwrap().is_replay());
    assert_eq!(response.headers()[header::RETRY_AFTER], "3");
    assert_eq!(response.text().await.unwrap(), PROBLEM);
}

#[tokio::test(start_paused = true)]
async fn a_hint_of_the_servers_decides_within_the_limits() {
    let retry = || Retry::builder().hint(stripe_should_retry);
    let (outcome, _) = run(retry(), &[0.0], vec![with(500, &[("stripe-should-retry", "false")])]).await;
    assert_eq!(outcome, (500, 1, Stopped::Final));
    let (outcome, _) = run(retry(), &[0.0], vec![with(400, &[("stripe-should-retry", "true")])]).await;
    assert_eq!(outcome, (400, 4, Stopped::AttemptsSpent));
    let (outcome, _) = run(retry().make_keys(false), &[0.0], vec![with(400, &[("stripe-should-retry", "true")])]).await;
    assert_eq!(outcome, (400, 1, Stopped::NotRepeatable));
    // One that it does not understand decides nothing.
    let (outcome, _) = run(retry(), &[0.0], vec![with(400, &[("stripe-should-retry", "perhaps")])]).await;
    assert_eq!(outcome, (400, 1, Stopped::Final));
}

#[tokio::test(start_paused = true)]
async fn an_observer_is_told_of_every_try() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let retry = Retry::builder().try_timeout(5 * S).on_try(move |it| {
        let status = it.status().map(|status| status.as_u16());
        tell.lock().unwrap().push((it.number(), status, it.failure().is_some(), it.next_in(), it.stopped()));
    });
    let script = Script::new([status(503), Line::NeverAnswers, status(404)]);
    post(&script.client(retry, &[1.0])).send().await.unwrap();
    let expected = [
        (1, Some(503), false, Some(S), None),
        (2, None, true, Some(2 * S), None),
        (3, Some(404), false, None, Some(Stopped::Final)),
    ];
    assert_eq!(*told.lock().unwrap(), expected);
}

#[tokio::test(start_paused = true)]
async fn one_attempt_is_one_attempt() {
    for attempts in [0, 1] {
        let (outcome, _) = run(Retry::builder().max_attempts(attempts), &[0.0], vec![status(503)]).await;
        assert_eq!(outcome, (503, 1, Stopped::AttemptsSpent));
    }
}
