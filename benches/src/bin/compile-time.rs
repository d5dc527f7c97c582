//! What the attribute costs at compile time: a crate of 200 annotated handlers against the same crate without the
//! attribute, checked and built in turn, as ratios of one run.
//!
//! `cargo run --release -p idem-benches --bin compile-time [ROUNDS]` prints the table and writes it to
//! `benches/COMPILE-TIME.md`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

const HANDLERS: usize = 200;
const ROUNDS: usize = 7;

fn main() -> ExitCode {
    let rounds = std::env::args().nth(1).and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS);
    match measure(rounds) {
        Ok(table) => {
            print(&table);
            ExitCode::SUCCESS
        }
        Err(why) => {
            print(&format!("compile-time: {why}\n"));
            ExitCode::FAILURE
        }
    }
}

#[allow(clippy::print_stdout, reason = "the table is this program's output")]
fn print(text: &str) {
    print!("{text}");
}

fn measure(rounds: usize) -> Result<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("no workspace")?;
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let bare = Crate::new(folder.path(), root, "bare", false)?;
    let guarded = Crate::new(folder.path(), root, "guarded", true)?;
    let mut table = String::new();
    let _ = writeln!(table, "# What the attribute costs at compile time\n");
    let _ = writeln!(
        table,
        "A crate of {HANDLERS} handlers with `#[idempotent(..)]` against the same crate without, dependencies built \
         already, no incremental compilation, one after the other in {rounds} rounds; medians.\n"
    );
    let _ = writeln!(table, "| command | without | with | ratio | per handler |\n|---|---|---|---|---|");
    for command in ["check", "build"] {
        // The first run builds the dependencies.
        bare.run(command)?;
        guarded.run(command)?;
        let (mut without, mut with) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            without.push(bare.run(command)?);
            with.push(guarded.run(command)?);
        }
        let (without, with) = (median(without), median(with));
        let handlers = u32::try_from(HANDLERS).unwrap_or(u32::MAX);
        let _ = writeln!(
            table,
            "| `cargo {command}` | {:.2} s | {:.2} s | {:.2} | {:.1} ms |",
            without.as_secs_f64(),
            with.as_secs_f64(),
            with.as_secs_f64() / without.as_secs_f64(),
            with.saturating_sub(without).as_secs_f64() * 1000.0 / f64::from(handlers)
        );
    }
    let _ = writeln!(table, "\nMade by `cargo run --release -p idem-benches --bin compile-time`, on {}.", machine());
    let results = root.join("benches/COMPILE-TIME.md");
    std::fs::write(results, &table).map_err(|error| error.to_string())?;
    Ok(table)
}

struct Crate {
    folder: PathBuf,
    target: PathBuf,
}

impl Crate {
    fn new(under: &Path, root: &Path, name: &str, guarded: bool) -> Result<Self, String> {
        let folder = under.join(name);
        let write = |file: &str, text: &str| {
            let path = folder.join(file);
            std::fs::create_dir_all(path.parent().unwrap_or(&folder)).and_then(|()| std::fs::write(&path, text))
        };
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n\
             idem-runtime = {{ path = {:?} }}\naxum = {{ version = \"0.8\", default-features = false, features = \
             [\"json\"] }}\nserde = {{ version = \"1\", features = [\"derive\"] }}\n\n[profile.dev]\nincremental = false\n",
            root.join("idem-runtime")
        );
        let lock = std::fs::read_to_string(root.join("Cargo.lock")).map_err(|error| error.to_string())?;
        write("Cargo.toml", &manifest)
            .and_then(|()| write("src/lib.rs", &source(guarded)))
            // The same versions as the workspace's own.
            .and_then(|()| write("Cargo.lock", &lock))
            .map_err(|error| error.to_string())?;
        Ok(Self { folder, target: under.join("target") })
    }

    fn run(&self, command: &str) -> Result<Duration, String> {
        let source = self.folder.join("src/lib.rs");
        let text = std::fs::read_to_string(&source).map_err(|error| error.to_string())?;
        std::fs::write(&source, text).map_err(|error| error.to_string())?;
        let start = Instant::now();
        let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args([command, "--quiet", "--offline"])
            .current_dir(&self.folder)
            .env("CARGO_TARGET_DIR", &self.target)
            .output()
            .map_err(|error| error.to_string())?;
        let took = start.elapsed();
        if output.status.success() { Ok(took) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    }
}

/// Handlers as people write them: an argument or two, a `?`, a response.
fn source(guarded: bool) -> String {
    let mut text = String::from(
        "#![allow(dead_code, unused_imports)]\nuse axum::extract::{Path, State};\nuse axum::http::StatusCode;\nuse \
         axum::routing::post;\nuse axum::{Json, Router};\nuse idem_runtime::{Idempotency, idempotent};\n\n\
         #[derive(serde::Deserialize, serde::Serialize)]\npub struct Order {\n    id: u64,\n    name: String,\n}\n\n",
    );
    for number in 0..HANDLERS {
        if guarded {
            text.push_str("#[idempotent(ttl = \"1h\", key = \"header:Idempotency-Key\", scope = path.to_string())]\n");
        }
        let _ = writeln!(
            text,
            "async fn handler_{number}(State(_): State<Idempotency>, Path(path): Path<u32>, Json(order): Json<Order>) -> \
             Result<(StatusCode, Json<Order>), StatusCode> {{\n    let id = order.id.checked_add(u64::from(path))\
             .ok_or(StatusCode::BAD_REQUEST)?;\n    Ok((StatusCode::CREATED, Json(Order {{ id, name: order.name }})))\n}}\n"
        );
    }
    text.push_str("pub fn app(idempotency: Idempotency) -> Router {\n    Router::new()\n");
    for number in 0..HANDLERS {
        let _ = writeln!(text, "        .route(\"/{number}/{{id}}\", post(handler_{number}))");
    }
    text.push_str("        .with_state(idempotency)\n}\n");
    text
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let version = Command::new("rustc").arg("--version").output().ok();
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    format!("{cores} cores, {}", version.unwrap_or_else(|| "rustc".to_owned()))
}
