//! A consumer that books each message once, to be tried with a broker.

use std::io::IsTerminal as _;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use booking::Booking;
#[cfg(feature = "kafka")]
use brokers::kafka;
use brokers::{Member, RabbitMq, RedisStreams};
use outgoing::Messages;

mod booking;
mod brokers;
mod outgoing;

/// Books payments from a queue, each once, however often it is delivered.
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Book what comes from a queue of RabbitMQ's
    #[command(name = "rabbitmq")]
    RabbitMq {
        #[command(flatten)]
        broker: RabbitMq,
        /// How many messages are in hand at once
        #[arg(long, default_value = "64", value_name = "NUMBER")]
        prefetch: NonZeroU16,
        #[command(flatten)]
        booking: Booking,
    },
    /// Book what comes from a stream of Redis
    RedisStreams {
        #[command(flatten)]
        broker: RedisStreams,
        #[command(flatten)]
        member: Member,
        #[command(flatten)]
        booking: Booking,
    },
    /// Book what comes from a topic of Kafka's
    #[cfg(feature = "kafka")]
    Kafka {
        #[command(flatten)]
        topic: kafka::Topic,
        #[command(flatten)]
        member: kafka::Member,
        #[command(flatten)]
        booking: Booking,
    },
    /// Send payments
    Publish {
        #[command(subcommand)]
        to: Publish,
    },
    /// Show what is booked
    Ledger {
        /// The file
        #[arg(long, default_value = "ledger.db", value_name = "FILE")]
        ledger: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
enum Publish {
    /// To a queue of RabbitMQ's
    #[command(name = "rabbitmq")]
    RabbitMq {
        #[command(flatten)]
        broker: RabbitMq,
        #[command(flatten)]
        messages: Messages,
    },
    /// To a stream of Redis
    RedisStreams {
        #[command(flatten)]
        broker: RedisStreams,
        #[command(flatten)]
        messages: Messages,
    },
    /// To a topic of Kafka's, each under its account as key
    #[cfg(feature = "kafka")]
    Kafka {
        #[command(flatten)]
        topic: kafka::Topic,
        #[command(flatten)]
        messages: Messages,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    // What the client says of lost connections, the consumer says too.
    let lines = Targets::new().with_default(LevelFilter::INFO).with_target("lapin", LevelFilter::OFF);
    let terminal = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt().with_target(false).with_writer(std::io::stderr).with_ansi(terminal).finish();
    log.with(lines).init();
    let done = match Options::parse().command {
        Command::RabbitMq { broker, prefetch, booking } => broker.consume(prefetch, &booking).await,
        Command::RedisStreams { broker, member, booking } => broker.consume(member, &booking).await,
        #[cfg(feature = "kafka")]
        Command::Kafka { topic, member, booking } => topic.consume(member, &booking).await,
        #[cfg(feature = "kafka")]
        Command::Publish { to: Publish::Kafka { topic, messages } } => topic.publish(&messages).await,
        Command::Publish { to: Publish::RedisStreams { broker, messages } } => broker.publish(&messages).await,
        Command::Publish { to: Publish::RabbitMq { broker, messages } } => broker.publish(&messages).await,
        Command::Ledger { ledger } => show(ledger).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            say_error(&why);
            ExitCode::FAILURE
        }
    }
}

#[allow(clippy::print_stdout, reason = "what is booked is this command's output")]
async fn show(ledger: PathBuf) -> Result<(), String> {
    let store = booking::open(&ledger)?;
    let bookings = consumer::books::all(&store).await.map_err(|error| error.to_string())?;
    for booking in &bookings {
        let consumer::books::Booking { number, message, account, cents, balance } = booking;
        println!("{number:>4}  {message:<36}  {account:<12} {cents:>8} {balance:>8}");
    }
    println!("{} booked", bookings.len());
    Ok(())
}

#[allow(clippy::print_stderr, reason = "the one line that says why the program ends")]
fn say_error(why: &str) {
    eprintln!("consumer: {why}");
}
