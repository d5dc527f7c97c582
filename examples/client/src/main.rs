//! A client that lives through a bad day of its server, told try by try.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod child;
mod story;

/// Orders from a shop whose server drops answers, stalls, refuses, and is killed and started again.
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    /// Where the shop keeps orders and records: `sqlite:FILE`
    #[arg(long, default_value = "sqlite:client.db", value_name = "URL", global = true)]
    store: String,
    /// Where the shop listens
    #[arg(long, default_value = "127.0.0.1:3003", value_name = "ADDR", global = true)]
    listen: SocketAddr,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Clone, Copy, Debug, Subcommand)]
enum Command {
    /// Only the shop, with nothing in front of it
    Shop {
        /// End when the standard input does, so that no shop outlives the program that started it
        #[arg(long)]
        until_stdin_ends: bool,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let result = match options.command {
        Some(Command::Shop { until_stdin_ends }) => shop(&options, until_stdin_ends).await,
        None => story::tell(&options.store, options.listen).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            say_error(&why);
            ExitCode::FAILURE
        }
    }
}

async fn shop(options: &Options, until_stdin_ends: bool) -> Result<(), String> {
    let file = options.store.strip_prefix("sqlite:");
    let file = file.ok_or("orders and records are kept in one SQLite file: name it with --store sqlite:FILE")?;
    if until_stdin_ends {
        std::thread::spawn(|| {
            let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
            std::process::exit(0);
        });
    }
    client::shop::serve(options.listen, file, greet).await.map_err(|error| error.to_string())
}

#[allow(clippy::print_stdout, reason = "whoever started it wants to know where it is")]
fn greet(address: SocketAddr) {
    println!("shop: listening on http://{address}");
}

#[allow(clippy::print_stderr, reason = "the one line that says why the program ends")]
fn say_error(why: &str) {
    eprintln!("client: {why}");
}
