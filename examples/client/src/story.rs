//! What happens to the client, and what it does.

#![allow(clippy::print_stdout, reason = "the story is this program's output")]

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use client::front::{Fate, Front, Weather};
use idem_client::{Error, Key, Outcome, Retry, Try, Unanswered};
use parking_lot::Mutex;
use reqwest::{StatusCode, header};

use crate::child::Shop;

/// How long a killed shop stays away.
const AWAY: Duration = Duration::from_millis(1500);

/// What the next tries meet.
struct Plot {
    events: Mutex<VecDeque<Event>>,
    shop: Arc<Mutex<Option<Shop>>>,
    store: String,
    listen: SocketAddr,
}

enum Event {
    Meets(Fate),
    /// The shop is killed, and started again a while later.
    ShopDies,
}

impl Weather for Plot {
    fn fate(&self, _target: &str) -> Fate {
        let event = self.events.lock().pop_front().unwrap_or(Event::Meets(Fate::Passes));
        let (said, fate) = match event {
            Event::Meets(fate) => (said_of(&fate), fate),
            Event::ShopDies => {
                self.restart();
                (Some("kills the shop (kill -9); it is away for 1.5 s"), Fate::IsCut)
            }
        };
        if let Some(said) = said {
            println!("    the server {said}");
        }
        fate
    }

    fn spoiled(&self, _target: &str) {
        println!("    the server cannot reach the shop, or the shop still waits for the one that died");
    }
}

fn said_of(fate: &Fate) -> Option<&'static str> {
    match fate {
        Fate::LosesItsAnswer => Some("makes the order, and loses the answer"),
        Fate::BreaksOff => Some("makes the order, and its answer breaks off in the middle"),
        Fate::Stalls => Some("takes the request, and says nothing"),
        Fate::IsReset => Some("resets the connection"),
        Fate::IsRefused(503, _) => Some("answers 503"),
        Fate::IsRefused(429, _) => Some("answers 429, Retry-After: 2"),
        _ => None,
    }
}

impl Plot {
    /// Nothing may wait for it here: the client goes on meanwhile.
    fn restart(&self) {
        // Killed when it is dropped.
        drop(self.shop.lock().take());
        let (shop, store, listen) = (Arc::clone(&self.shop), self.store.clone(), self.listen);
        std::thread::spawn(move || {
            std::thread::sleep(AWAY);
            match Shop::start(&store, listen) {
                Ok(started) => *shop.lock() = Some(started),
                Err(why) => println!("    {why}"),
            }
        });
    }

    fn next(&self, events: impl IntoIterator<Item = Event>) {
        *self.events.lock() = events.into_iter().collect();
    }
}

pub(crate) async fn tell(store: &str, listen: SocketAddr) -> Result<(), String> {
    let shop = Shop::start(store, listen)?;
    let listen = shop.address;
    let plot =
        Plot { events: Mutex::default(), shop: Arc::new(Mutex::new(Some(shop))), store: store.to_owned(), listen };
    let plot = Arc::new(plot);
    let front = Front::start(listen, Arc::clone(&plot)).await.map_err(|error| error.to_string())?;
    let client = Retry::builder()
        .backoff(Duration::from_millis(500), Duration::from_secs(2))
        .try_timeout(Duration::from_secs(2))
        .max_attempts(10)
        .on_try(say_try)
        .build()
        .client(reqwest::Client::builder())
        .map_err(|error| error.to_string())?;
    let url = format!("http://{}/v1/orders", front.address());
    let post = |key: Option<&str>, item: &str| {
        let key = key.map(|key| key.parse::<Key>().map_err(|error| error.to_string())).transpose()?;
        let request = client.post(&url).header(header::CONTENT_TYPE, "application/json");
        let request = request.body(format!(r#"{{"item":"{item}"}}"#));
        Ok::<_, String>(match key {
            Some(key) => request.with_extension(key),
            None => request,
        })
    };
    let refused = |status, retry_after| Event::Meets(Fate::IsRefused(status, retry_after));

    println!("client: a lamp. The key is made by the client, and is the same in every try.");
    plot.next([Event::Meets(Fate::LosesItsAnswer), Event::Meets(Fate::BreaksOff)]);
    say_end(post(None, "lamp")?.send().await).await?;

    println!("client: a chair.");
    plot.next([refused(503, None), refused(429, Some("2"))]);
    say_end(post(None, "chair")?.send().await).await?;

    println!("client: a table.");
    plot.next([Event::Meets(Fate::Stalls)]);
    say_end(post(None, "table")?.send().await).await?;

    println!("client: a shelf, under the key `shelf-1`.");
    plot.next([Event::Meets(Fate::LosesItsAnswer), Event::ShopDies]);
    say_end(post(Some("shelf-1"), "shelf")?.send().await).await?;

    println!("client: a bed, by mistake under the key `shelf-1` too.");
    say_end(post(Some("shelf-1"), "bed")?.send().await).await?;

    println!("client: all orders.");
    plot.next([Event::Meets(Fate::IsReset)]);
    say_end(client.get(&url).send().await).await?;

    println!(
        "\nclient: done. The shop is listening on http://{listen}, orders and records in {store}; Ctrl-C ends it."
    );
    tokio::signal::ctrl_c().await.map_err(|error| error.to_string())
}

fn say_try(it: &Try<'_>) {
    let result = match (it.status(), it.failure()) {
        (Some(status), _) => status.to_string(),
        (None, Some(Unanswered::TimedOut)) => "no answer within 2 s".to_owned(),
        (None, _) => "the connection failed".to_owned(),
    };
    let next = it.next_in().map(|delay| format!("; again in {:.2} s", delay.as_secs_f64())).unwrap_or_default();
    println!("  try {}: {result}{next}", it.number());
}

async fn say_end(result: Result<reqwest::Response, idem_client::reqwest_middleware::Error>) -> Result<(), String> {
    let response = result.map_err(|error| match Error::of(&error) {
        Some(error) => error.to_string(),
        None => error.to_string(),
    })?;
    let (status, outcome) = (response.status(), Outcome::of(&response).cloned());
    let replayed = outcome.is_some_and(|outcome| outcome.is_replay());
    let body = response.text().await.map_err(|error| error.to_string())?;
    let meaning = match status {
        StatusCode::CREATED if replayed => "an earlier try had made it, and this is the answer that was lost",
        StatusCode::UNPROCESSABLE_ENTITY => "nothing was made, and nothing is tried again",
        _ => "answered",
    };
    println!("  {meaning}: {body}");
    Ok(())
}
