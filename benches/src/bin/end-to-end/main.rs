//! What a request costs under a guard, over HTTP, beside the bare handler, other crates' guards, and each store's own limit.
//!
//! `cargo run --release -p idem-benches --bin end-to-end` prints the table, and writes it to `benches/RESULTS.md`. It builds
//! what it measures, and starts its own `redis-server` and PostgreSQL, which have to be installed.

mod closed;
mod connection;
mod measure;
mod plan;
mod report;
mod request;
mod servers;

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use idem_benches::machine;

use crate::closed::Numbers;
use crate::measure::Turns;

const BODIES: [usize; 3] = [120, 4 * 1_024, 64 * 1_024];

/// Measures what a request costs under a guard, over HTTP. Without options: everything, and `benches/RESULTS.md` is written.
#[derive(Debug, Parser)]
struct Options {
    /// This store's rows only; they are printed, and no file is written.
    #[arg(long, value_parser = plan::STORES)]
    only: Option<String>,
    /// Bodies of 120 B only; they are printed, and no file is written.
    #[arg(long)]
    small: bool,
    /// How many rounds; each row has one turn in each.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// How long a turn is, in milliseconds.
    #[arg(long, default_value_t = 400)]
    turn: u64,
    /// Puts one row's server under load for 30 seconds, for a profiler, as in `--only memory --profile replay`.
    #[arg(long, requires = "only")]
    profile: Option<String>,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("end-to-end: {error}"));
            ExitCode::FAILURE
        }
    }
}

#[allow(clippy::print_stdout, reason = "the table is this program's output")]
fn say(text: &str) {
    println!("{text}");
}

#[allow(clippy::print_stderr, reason = "what went wrong, and how far it is")]
fn complain(text: &str) {
    eprintln!("{text}");
}

fn run(options: &Options) -> io::Result<()> {
    servers::build()?;
    let machine = machine();
    let (own, core) = cores()?;
    // Also of what it starts from here on.
    idem_bench_application::pin_to(own)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let turns = Turns { rounds: options.rounds, length: Duration::from_millis(options.turn) };
    let stores = plan::STORES.into_iter().filter(|store| options.only.as_deref().is_none_or(|only| only == *store));
    if let Some(what) = &options.profile {
        for store in stores {
            let group = plan::group(store, true);
            let row =
                group.rows.iter().find(|row| !row.subject.peer && row.title != "bare handler" && row.what == what);
            let row = row.ok_or_else(|| io::Error::other(format!("no such row: {what}")))?;
            runtime.block_on(measure::alone(store, row, BODIES[0], Duration::from_secs(30), core))?;
        }
        return Ok(());
    }
    let numbers = Numbers::new();
    let mut all = Vec::new();
    for store in stores {
        for body in BODIES {
            let whole = body == BODIES[0];
            if !whole && options.small {
                continue;
            }
            complain(&format!("{store}, {}", report::size(body)));
            all.extend(runtime.block_on(measure::group(&plan::group(store, whole), body, turns, core, &numbers))?);
        }
    }
    let text = format!("{machine}\n\n{}", report::table(&all));
    say(&text);
    Ok(())
}

/// Two processor cores that this process may use: its own, and the measured servers'.
fn cores() -> io::Result<(usize, usize)> {
    let allowed = rustix::thread::sched_getaffinity(None)?;
    let mut cores = (0..rustix::thread::CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
    match (cores.next(), cores.next()) {
        (Some(one), Some(other)) => Ok((one, other)),
        _ => Err(io::Error::other("it needs two processor cores: one for the server, one for the load")),
    }
}
