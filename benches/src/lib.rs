//! Measures side by side: what is compared runs in turns, in one process, and is told as ratios.

use std::fmt::Write as _;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

/// How often `work` is done per second by this many tasks at once, over about this long. Each call gets a number of its
/// own.
pub async fn per_second<F>(
    tasks: usize,
    for_about: Duration,
    numbers: &Arc<AtomicU64>,
    work: impl Fn(u64) -> F + Send + Sync + 'static,
) -> f64
where
    F: Future<Output = ()> + Send,
{
    let work = Arc::new(work);
    let stop = Arc::new(AtomicBool::new(false));
    let start = Instant::now();
    let mut set = JoinSet::new();
    for _ in 0..tasks {
        let (work, stop, numbers) = (Arc::clone(&work), Arc::clone(&stop), Arc::clone(numbers));
        set.spawn(async move {
            let mut done = 0_u64;
            while !stop.load(Ordering::Relaxed) {
                work(numbers.fetch_add(1, Ordering::Relaxed)).await;
                done += 1;
            }
            done
        });
    }
    tokio::time::sleep(for_about).await;
    stop.store(true, Ordering::Relaxed);
    let done: u64 = set.join_all().await.into_iter().sum();
    #[allow(clippy::cast_precision_loss, reason = "a rate")]
    let done = done as f64;
    done / start.elapsed().as_secs_f64()
}

/// The middle one.
#[must_use]
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The machine, in one line of Markdown.
#[must_use]
pub fn machine() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown processor", |line| line.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{model}, {cores} cores, Linux {}", kernel.trim())
}

/// A table of Markdown.
#[derive(Debug, Default)]
pub struct Table(String);

impl Table {
    /// With these heads.
    #[must_use]
    pub fn new(heads: &[&str]) -> Self {
        let mut table = Self::default();
        table.row(heads);
        let _ = writeln!(table.0, "|{}", "---|".repeat(heads.len()));
        table
    }

    /// One more row.
    pub fn row(&mut self, cells: &[impl AsRef<str>]) {
        let cells: Vec<&str> = cells.iter().map(AsRef::as_ref).collect();
        let _ = writeln!(self.0, "| {} |", cells.join(" | "));
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
