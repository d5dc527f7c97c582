//! The tables.

use std::time::Duration;

use idem_benches::Table;

use crate::load::CONNECTIONS;
use crate::measure::{Latency, Measured, Turns};

/// The whole text.
pub(crate) fn text(all: &[Measured], machine: &str, versions: &[String], turns: Turns) -> String {
    format!(
        "# What a request costs, over HTTP\n\n\
         {machine}; {}. The server has one processor core and one thread; load generator and databases have another core. \
         The handler reads its body, counts, and answers 201 with the same bytes. {CONNECTIONS} connections, {} rounds in \
         which each row has a turn of {} ms (PostgreSQL: twice as long; the load is on for a while before it; bodies from 4 KiB: half as many rounds); medians, and \
         medians of the ratios of the rounds. CPU is the server's processor time, the kernel's part included. Each answer is \
         checked, and each turn's effects are counted: a second execution under one key ends the run without a table.\n\n\
         ![The ratios](RESULTS.svg)\n\n{}\n\
         \"Of its limit\" is the rate beside the same bytes through the same client without a guard. Peers keep their records \
         in memory here. The hand-written guard is what any must cost that makes a digest of the key and one of the request, and \
         keeps the answer: a handler with a map and no lease, no owner, no bound and no end. axum-idempotent keeps answers in sessions, and looks at the key alone: it compares no bodies, and \
         claims nothing, so two requests at once both run wherever a handler waits; its replays leave the body unread, which \
         ends the connection if it is large, so there is no such row with 64 KiB. idempotent looks at method, path, query and \
         body, as this crate does.\n\n\
         ## Latency\n\n\
         By the clock, at half of the rate above: from the moment at which a request should have been sent, whether or not \
         earlier ones had been answered, to its answer. Bodies of 120 B.\n\n{}",
        versions.join(", "),
        turns.rounds,
        turns.length.as_millis(),
        table(all),
        latencies(all),
    )
}

/// At half of the rate.
pub(crate) fn latencies(all: &[Measured]) -> String {
    let mut table = Table::new(&["store", "case", "requests/s", "p50", "p99", "p99.9"]);
    for one in all {
        let Some(Latency { median, p99, p999 }) = one.latency else { continue };
        table.row(&[
            one.row.title.to_owned(),
            one.row.what.to_owned(),
            format!("{:.0}", one.per_second / 2.0),
            time(median),
            time(p99),
            p999.map_or_else(|| "too few".to_owned(), time),
        ]);
    }
    table.as_str().to_owned()
}

fn time(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1_000.0)
}

/// The rates, in the order in which they were measured.
pub(crate) fn table(all: &[Measured]) -> String {
    let heads = [
        "store",
        "case",
        "body",
        "requests/s",
        "of bare",
        "CPU/request",
        "of bare",
        "of its limit",
        "target",
        "effects too many",
    ];
    let mut table = Table::new(&heads);
    for one in all {
        let limit = one.limit.map_or_else(String::new, |(name, ratio)| format!("{ratio:.2} of {name}"));
        table.row(&[
            one.row.title.to_owned(),
            one.row.what.to_owned(),
            size(one.body),
            format!("{:.0}", one.per_second),
            format!("{:.2}", one.of_bare),
            format!("{:.2} us", one.cpu),
            format!("{:.2}", one.cpu_of_bare),
            limit,
            targets(one),
            one.surplus.to_string(),
        ]);
    }
    table.as_str().to_owned()
}

pub(crate) fn size(bytes: usize) -> String {
    if bytes < 1_024 { format!("{bytes} B") } else { format!("{} KiB", bytes / 1_024) }
}

/// What the row should reach, and whether it does.
fn targets(one: &Measured) -> String {
    let targets = one.row.targets;
    // As precisely as the table tells.
    let round = |value: f64| (value * 100.0).round() / 100.0;
    let least = |name: &str, target: Option<f64>, is: f64| {
        let target = target?;
        Some(format!("{name}>= {target:.2}{}", if round(is) >= target { ", met" } else { ", **missed**" }))
    };
    let most = targets.cpu.map(|target| {
        format!("CPU <= {target:.2}{}", if round(one.cpu_of_bare) <= target { ", met" } else { ", **missed**" })
    });
    let all = [
        least("", targets.rate, one.of_bare),
        most,
        least("of limit ", targets.of_limit, one.limit.map_or(0.0, |(_, ratio)| ratio)),
    ];
    all.into_iter().flatten().collect::<Vec<_>>().join("; ")
}
