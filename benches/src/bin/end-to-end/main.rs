//! What a request costs under a guard, over HTTP, beside the bare handler, other crates' guards, and each store's own limit.
//!
//! `cargo run --release -p idem-benches --bin end-to-end` prints the table, and writes it to `benches/RESULTS.md` and `benches/RESULTS.svg`. It builds
//! what it measures, and starts its own `redis-server` and PostgreSQL, which have to be installed.

mod connection;
mod load;
mod measure;
mod pace;
mod plan;
mod plot;
mod report;
mod request;
mod servers;

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use idem_benches::machine;

use crate::load::Numbers;
use crate::measure::{Measured, Turns};
use crate::plan::SMALL;

/// Measures what a request costs under a guard, over HTTP. Without options: everything, and `benches/RESULTS.md` is written.
#[derive(Debug, Parser)]
struct Options {
    /// This store's rows only; they are printed, and no file is written.
    #[arg(long, value_parser = plan::STORES)]
    only: Option<String>,
    /// Bodies of 120 B only; they are printed, and no file is written.
    #[arg(long)]
    small: bool,
    /// How many rounds, in each of which each row has a turn. With fewer than by default, no file is written.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long a turn is, in milliseconds. With less than by default, no file is written.
    #[arg(long, default_value_t = 300)]
    turn: u64,
    /// Puts one row's server under load for 30 seconds, for a profiler, as in `--only memory --profile replay`.
    #[arg(long, requires = "only")]
    profile: Option<String>,
}

impl Options {
    /// Whether nothing is left out or made shorter.
    fn is_whole(&self) -> bool {
        let all = Self::parse_from(["end-to-end"]);
        self.only.is_none() && !self.small && self.rounds >= all.rounds && self.turn >= all.turn
    }
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
    let wanted = |store: &&str| options.only.as_deref().is_none_or(|only| only == *store);
    let stores: Vec<&'static str> = plan::STORES.into_iter().filter(wanted).collect();
    // Before anything is measured, or the table would end where something is missing.
    stores.iter().try_for_each(|store| servers::check_installed(store))?;
    if cfg!(debug_assertions) {
        return Err(io::Error::other("run it with --release: what is built without optimization tells nothing"));
    }
    servers::build()?;
    let machine = machine();
    let (own, core) = cores()?;
    // Also of what it starts from here on.
    idem_bench_application::pin_to(own)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let length = Duration::from_millis(options.turn);
    let turns = Turns { rounds: options.rounds, length, lead: Duration::ZERO };
    if let Some(what) = &options.profile {
        return profile(stores[0], what, core, &runtime);
    }
    let numbers = Numbers::new();
    let (mut all, mut versions) = (Vec::new(), Vec::new());
    for store in stores {
        for body in plan::bodies(store).iter().copied().filter(|body| !options.small || *body == SMALL) {
            complain(&format!("{store}, {}", report::size(body)));
            let group = plan::group(store, body);
            // What waits for a disk needs longer until it has answered often enough.
            let length = if group.slow { turns.length * 2 } else { turns.length };
            let rounds = if body == SMALL { turns.rounds } else { turns.rounds.div_ceil(2) };
            let lead = if group.slow { length } else { length / 4 };
            let turns = Turns { rounds, length, lead };
            let (measured, version) = runtime.block_on(measure::group(&group, body, turns, core, &numbers))?;
            all.extend(measured);
            versions.extend(version.filter(|version| !versions.contains(version)));
        }
    }
    if options.is_whole() {
        check_undisturbed(&all)?;
        let text = report::text(&all, &machine, &versions, turns);
        say(&text);
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        std::fs::write(folder.join("RESULTS.md"), text)?;
        return std::fs::write(folder.join("RESULTS.svg"), plot::svg(&all, &machine));
    }
    say(&format!("A part of the measurement; no file is written.\n\n{machine}; {}\n", versions.join(", ")));
    say(&report::table(&all));
    say(&report::latencies(&all));
    Ok(())
}

/// A bare server in memory has nothing to wait for but the load, so it has its core nearly all the time, unless others want
/// the cores too.
fn check_undisturbed(all: &[Measured]) -> io::Result<()> {
    const LEAST: f64 = 0.75;
    let busy = |one: &&Measured| one.row.subject.name == "bare" && one.body == SMALL;
    let worst = all.iter().filter(busy).map(|one| one.per_second * one.cpu / 1e6).fold(1.0, f64::min);
    if worst >= LEAST {
        return Ok(());
    }
    say(&report::table(all));
    Err(io::Error::other(format!(
        "the bare server had its core for {:.0}% of the time only: something else runs on this machine. No file is written",
        worst * 100.0
    )))
}

/// Puts the server of one row under load.
fn profile(store: &'static str, what: &str, core: usize, runtime: &tokio::runtime::Runtime) -> io::Result<()> {
    let group = plan::group(store, SMALL);
    let mut rows = group.rows.iter();
    let named = |row: &&plan::Row| row.what == what && row.subject.marks && !row.subject.peer;
    let row = rows.find(named).ok_or_else(|| io::Error::other(format!("no such row: {what}")))?;
    runtime.block_on(measure::alone(store, row, SMALL, Duration::from_secs(30), core))
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
