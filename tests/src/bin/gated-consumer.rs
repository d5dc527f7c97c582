//! The example `consumer`, stopped by a test where its store claims or commits.

use std::net::SocketAddr;
use std::num::{NonZeroU16, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use consumer::handler::Countdown;
use consumer::intake::Intake;
#[cfg(feature = "kafka")]
use consumer::kafka;
use consumer::{Books, Handler, Patience, rabbitmq, redis_streams};
use idem_runtime::{Idempotency, SqliteStore};
use idem_tests::gated::Gated;

#[derive(Debug, Parser)]
struct Options {
    broker: Broker,
    #[arg(long)]
    url: String,
    /// The queue, the stream or the topic.
    #[arg(long)]
    queue: String,
    /// The consumer's; of Kafka's, its group's.
    #[arg(long)]
    name: String,
    #[arg(long)]
    ledger: PathBuf,
    /// Where the test listens.
    #[arg(long)]
    gate: SocketAddr,
    /// The step of the store's at which to stop.
    #[arg(long)]
    stop_at: String,
    #[arg(long)]
    stop_after: Option<NonZeroUsize>,
    /// With one, a step belongs to the one message that is in hand.
    #[arg(long, default_value = "1")]
    lanes: NonZeroUsize,
    /// In seconds.
    #[arg(long, default_value = "1")]
    lease: u64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Broker {
    #[value(name = "rabbitmq")]
    RabbitMq,
    RedisStreams,
    #[cfg(feature = "kafka")]
    Kafka,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    tracing_subscriber::fmt().with_ansi(false).with_writer(std::io::stderr).init();
    let Options { broker, url, queue, name, ledger, gate, stop_at, stop_after, lanes, lease } = Options::parse();
    // The test decides how long a call takes.
    let patience = Duration::from_secs(60);
    let store = SqliteStore::builder(ledger).hold(patience).response_timeout(patience).open()?;
    let gated = Gated::with_transactions(store.clone(), gate, stop_at);
    let idempotency = Idempotency::builder(gated).store_timeout(patience).build();
    let stop = consumer::stop::at_signal();
    let handler = Handler {
        books: Books::open(&idempotency, &store, &*queue, Duration::from_secs(lease)).await?,
        patience: Patience::default(),
        intake: Intake::default(),
        stop_after: stop_after.map(|messages| Countdown::new(messages, stop.clone())),
        stop,
        pause_before_ack: Duration::ZERO,
    };
    match broker {
        Broker::RabbitMq => {
            let (prefetch, max_deliveries, single_active) = (NonZeroU16::MIN, 2, false);
            let settings = rabbitmq::Settings { url, queue, prefetch, lanes, max_deliveries, single_active };
            rabbitmq::consume(&settings, handler).await?;
        }
        Broker::RedisStreams => {
            let (stream, group, claim_after, max_deliveries) = (queue, "ledger".into(), Duration::from_secs(1), 3);
            let batch = NonZeroUsize::MIN;
            let settings =
                redis_streams::Settings { url, stream, group, name, batch, lanes, claim_after, max_deliveries };
            redis_streams::consume(&settings, handler).await?;
        }
        #[cfg(feature = "kafka")]
        Broker::Kafka => {
            let (brokers, topic, group, in_hand) = (url, queue, name, lanes.saturating_mul(lanes));
            let (session_timeout, hand_over) = (Duration::from_millis(3_200), Duration::from_secs(1));
            let settings = kafka::Settings { brokers, topic, group, in_hand, lanes, session_timeout, hand_over };
            kafka::consume(&settings, handler).await?;
        }
    }
    idempotency.drain().await;
    Ok(())
}
