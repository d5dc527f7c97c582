//! How many instructions the pieces of a guarded request take, against a budget: unlike seconds, they are the same on a busy
//! machine.
//!
//! `cargo run --release -p idem-benches --bin instructions` counts, prints a table, and fails if a piece is over its budget in
//! `benches/BUDGETS.toml`; with `--write`, it sets each budget to what it has counted and a tenth; with `--profile`, it writes
//! `benches/PROFILE.md` instead. It needs `valgrind`
//! (`apt-get install valgrind`), which runs a program on a processor of its own: one without AVX-512, whatever the machine
//! has.

mod pieces;
mod profile;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use clap::Parser;
use idem_benches::Table;

use crate::pieces::{PIECES, Piece};

/// Counts the instructions of the pieces of a guarded request.
#[derive(Debug, Parser)]
struct Options {
    /// Sets the budgets to what is counted now, and a tenth.
    #[arg(long)]
    write: bool,
    /// Writes where the instructions of the hottest requests go to `benches/PROFILE.md`.
    #[arg(long)]
    profile: bool,
    /// Runs one piece so many times, and counts nothing.
    #[arg(long, num_args = 2, value_names = ["PIECE", "TIMES"], hide = true)]
    repeat: Option<Vec<String>>,
}

type Budgets = BTreeMap<String, u64>;

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            complain(&format!("instructions: {error}"));
            ExitCode::FAILURE
        }
    }
}

#[allow(clippy::print_stderr, reason = "what went wrong")]
fn complain(text: &str) {
    eprintln!("{text}");
}

#[allow(clippy::print_stdout, reason = "the table is this program's output")]
fn say(text: &str) {
    println!("{text}");
}

/// Whether all are within their budgets.
fn run(options: &Options) -> io::Result<bool> {
    if let Some([name, times]) = options.repeat.as_deref() {
        let piece = PIECES.iter().find(|piece| piece.name == name).ok_or_else(|| io::Error::other("no such piece"))?;
        (piece.repeat)(times.parse().map_err(io::Error::other)?);
        return Ok(true);
    }
    if cfg!(debug_assertions) {
        return Err(io::Error::other("run it with --release: what is built without optimization tells nothing"));
    }
    if options.profile {
        let text = profile::text(count)?;
        say(&text);
        return std::fs::write(file().with_file_name("PROFILE.md"), text).map(|()| true);
    }
    let counted = PIECES.iter().map(|piece| Ok((piece.name, count(piece)?))).collect::<io::Result<Vec<_>>>()?;
    if options.write {
        return write(&counted).map(|()| true);
    }
    let text = std::fs::read_to_string(file())?;
    let budgets: Budgets = toml::from_str(&text).map_err(io::Error::other)?;
    Ok(judge(&counted, &budgets))
}

/// What one more of it takes: what many take, less what a few take, so that the program's beginning and end do not count.
fn count(piece: &Piece) -> io::Result<u64> {
    let few = piece.times / 10;
    let (less, more) = (collected(piece, few)?, collected(piece, few + piece.times)?);
    Ok(more.saturating_sub(less) / piece.times)
}

fn collected(piece: &Piece, times: u64) -> io::Result<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args(["--repeat", piece.name, &times.to_string()])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| io::Error::other(format!("valgrind: {error} (`apt-get install valgrind`)")))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let number = said.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    match number {
        Some(number) if output.status.success() => Ok(number),
        _ => Err(io::Error::other(format!("{}: {said}", piece.name))),
    }
}

/// Prints what was counted beside the budgets.
fn judge(counted: &[(&str, u64)], budgets: &Budgets) -> bool {
    let mut table = Table::new(&["piece", "instructions", "budget", ""]);
    let mut within = true;
    for (name, is) in counted {
        let (budget, verdict) = match budgets.get(*name) {
            None => (String::new(), "**no budget**"),
            Some(budget) if is > budget => (budget.to_string(), "**over**"),
            Some(budget) => (budget.to_string(), if is * 5 < budget * 4 { "well below: lower it" } else { "" }),
        };
        within &= !verdict.starts_with("**");
        table.row(&[(*name).to_owned(), is.to_string(), budget, verdict.to_owned()]);
    }
    for name in budgets.keys().filter(|name| counted.iter().all(|(counted, _)| counted != name)) {
        within = false;
        table.row(&[name.as_str(), "", "", "**there is no such piece**"]);
    }
    say(table.as_str());
    within
}

fn write(counted: &[(&str, u64)]) -> io::Result<()> {
    let mut text = "# Instructions that each piece may take: what it took when this was written by\n\
         # `cargo run --release -p idem-benches --bin instructions -- --write`, and a tenth.\n\n"
        .to_owned();
    for (name, is) in counted {
        let _ = writeln!(text, "{name} = {}", is + is / 10);
    }
    std::fs::write(file(), text)
}

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("BUDGETS.toml")
}
