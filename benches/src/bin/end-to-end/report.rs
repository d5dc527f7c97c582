//! The table.

use idem_benches::Table;

use crate::measure::Measured;

/// All rows, in the order in which they were measured.
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
