//! A consumer that books each message once, to be tried with a broker.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[cfg_attr(not(feature = "kafka"), expect(dead_code, reason = "for the commands of the brokers"))]
mod common;
#[cfg(feature = "kafka")]
mod kafka_options;

/// Books payments from a queue, each once, however often it is delivered.
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Book what comes from a topic of Kafka's
    #[cfg(feature = "kafka")]
    Kafka {
        #[command(flatten)]
        topic: kafka_options::Topic,
        #[command(flatten)]
        member: kafka_options::Member,
        #[command(flatten)]
        common: common::Common,
    },
    /// Show what is booked
    Ledger {
        /// The file
        #[arg(long, default_value = "ledger.db", value_name = "FILE")]
        ledger: PathBuf,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_max_level(tracing_subscriber::filter::LevelFilter::INFO).with_target(false).init();
    let done = match Options::parse().command {
        #[cfg(feature = "kafka")]
        Command::Kafka { topic, member, common } => topic.consume(member, &common).await,
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
    let store = common::open(&ledger)?;
    let bookings = consumer::books::all(&store).await.map_err(|error| error.to_string())?;
    for booking in &bookings {
        println!(
            "{:>4}  {:<20} {:<10} {:>8} {:>8}",
            booking.number, booking.message, booking.account, booking.cents, booking.balance
        );
    }
    println!("{} booked", bookings.len());
    Ok(())
}

#[allow(clippy::print_stderr, reason = "the one line that says why the program ends")]
fn say_error(why: &str) {
    eprintln!("consumer: {why}");
}
