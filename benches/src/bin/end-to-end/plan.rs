//! What is measured: the rows of the table.

/// Requests of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    /// Without a key.
    NoKey,
    /// Each with a key of its own.
    Fresh,
    /// With keys whose answers are recorded.
    Replay,
    /// All with one key, which nobody has used when they begin.
    Hot,
    /// With keys that belong to other requests.
    Reused,
    /// With the key of a request that still runs.
    InFlight,
}

/// A program to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subject {
    /// What its program calls it.
    pub(crate) name: &'static str,
    /// Of another crate: it may do what it was made to do, and the table tells.
    pub(crate) peer: bool,
    /// Whether it says that an answer is a replay.
    pub(crate) marks: bool,
    /// Whether it keeps answers in sessions.
    pub(crate) sessions: bool,
    /// What it answers under a key of another request.
    pub(crate) reused: u16,
}

const fn ours(name: &'static str) -> Subject {
    Subject { name, peer: false, marks: true, sessions: false, reused: 422 }
}

const fn bare(name: &'static str) -> Subject {
    Subject { marks: false, ..ours(name) }
}

pub(crate) const AXUM_IDEMPOTENT: Subject = Subject { peer: true, sessions: true, ..ours("axum-idempotent") };
pub(crate) const IDEMPOTENT: Subject = Subject { peer: true, reused: 400, ..ours("idempotent") };

/// What a row should reach, each as a ratio.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Targets {
    pub(crate) rate: Option<f64>,
    pub(crate) cpu: Option<f64>,
    pub(crate) of_limit: Option<f64>,
}

/// One row.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// Whose it is.
    pub(crate) title: &'static str,
    pub(crate) what: &'static str,
    pub(crate) subject: Subject,
    pub(crate) path: &'static str,
    pub(crate) case: Case,
    /// The row that it cannot be faster than.
    pub(crate) limit: Option<usize>,
    pub(crate) targets: Targets,
}

impl Row {
    const fn new(title: &'static str, what: &'static str, subject: Subject, case: Case) -> Self {
        let path = if matches!(case, Case::InFlight) { "/held" } else { "/pay" };
        let targets = Targets { rate: None, cpu: None, of_limit: None };
        Self { title, what, subject, path, case, limit: None, targets }
    }

    const fn at(self, path: &'static str) -> Self {
        Self { path, ..self }
    }

    const fn should(self, rate: Option<f64>, cpu: Option<f64>) -> Self {
        Self { targets: Targets { rate, cpu, of_limit: None }, ..self }
    }

    const fn within(self, limit: usize, of_limit: Option<f64>) -> Self {
        Self { limit: Some(limit), targets: Targets { of_limit, ..self.targets }, ..self }
    }
}

/// A store's rows, which are measured in turns.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) store: &'static str,
    pub(crate) rows: Vec<Row>,
    /// Whether latencies are measured too.
    pub(crate) latencies: bool,
    /// Whether most of its rows wait for a disk.
    pub(crate) slow: bool,
}

/// The bare handler's rows are the first of each group.
pub(crate) const BARE_WITHOUT_KEY: usize = 0;
pub(crate) const BARE: usize = 1;

pub(crate) const STORES: [&str; 5] = ["memory", "redis", "newer-redis", "sqlite", "postgres"];

/// Bytes.
pub(crate) const SMALL: usize = 120;

/// The sizes of bodies that this store is measured with.
pub(crate) fn bodies(store: &str) -> &'static [usize] {
    match store {
        // What differs is commands, not bytes.
        "newer-redis" => &[SMALL],
        _ => &[SMALL, 4 * 1_024, 64 * 1_024],
    }
}

/// The rows for this store. With bodies of other sizes, what depends on the body alone.
pub(crate) fn group(store: &'static str, body: usize) -> Group {
    let whole = body == SMALL;
    use Case::{Fresh, Hot, InFlight, NoKey, Replay, Reused};
    let mut rows = vec![
        Row::new("bare handler", "no key", bare("bare"), NoKey),
        Row::new("bare handler", "with a key", bare("bare"), Fresh),
    ];
    let limit = rows.len();
    let guarded = match store {
        "redis" | "newer-redis" => {
            let (title, alone) = match store {
                "redis" => ("Redis", "Redis, no guard"),
                _ => ("newer Redis", "newer Redis, no guard"),
            };
            rows.push(Row::new(alone, "two raw `SET`s", bare("redis-raw"), Fresh).at("/two-sets"));
            rows.push(Row::new(alone, "one raw `GET`", bare("redis-raw"), Replay).at("/get"));
            let ours = |what, case| Row::new(title, what, ours("redis"), case);
            rows.push(ours("fresh key", Fresh).within(limit, Some(0.85)));
            rows.push(ours("replay", Replay).within(limit + 1, Some(0.85)));
            (title, "redis")
        }
        "sqlite" | "postgres" => {
            let (title, alone, server, bare_server, target) = if store == "sqlite" {
                ("SQLite", "SQLite, no guard", "sqlite", "sqlite-bare", None)
            } else {
                ("PostgreSQL", "PostgreSQL, no guard", "postgres", "postgres-bare", Some(0.70))
            };
            rows.push(Row::new(alone, "the business transaction", bare(bare_server), Fresh));
            let row = |what, case| Row::new(title, what, ours(server), case);
            rows.push(row("fresh key, in one transaction", Fresh).at("/pay-in-transaction").within(limit, target));
            if whole {
                rows.push(row("replay, of a transaction", Replay).at("/pay-in-transaction"));
            }
            rows.push(row("fresh key", Fresh).within(limit, None));
            rows.push(row("replay", Replay));
            (title, server)
        }
        _ => {
            let row = |what, case| Row::new("memory", what, ours("memory"), case);
            rows.push(row("fresh key", Fresh).should(Some(0.85), Some(1.20)));
            rows.push(row("replay", Replay).should(Some(0.95), Some(1.10)));
            let by_hand = |what, case| Row::new("hand-written guard, no safety", what, ours("by-hand"), case);
            rows.push(by_hand("fresh key", Fresh));
            rows.push(by_hand("replay", Replay));
            ("memory", "memory")
        }
    };
    if whole {
        let row = |what, case| Row::new(guarded.0, what, ours(guarded.1), case);
        let no_key = row("no key, `missing = \"execute\"`", NoKey);
        rows.push(if store == "memory" { no_key.should(Some(0.98), None) } else { no_key });
        rows.push(row("one hot key", Hot));
        rows.push(row("422, key of another request", Reused));
        rows.push(row("409, still runs", InFlight));
    }
    if store == "memory" {
        peers(&mut rows, body);
    }
    Group { store, rows, latencies: whole, slow: store == "postgres" }
}

fn peers(rows: &mut Vec<Row>, body: usize) {
    let whole = body == SMALL;
    use Case::{Fresh, Hot, InFlight, NoKey, Replay, Reused};
    let both = [("axum-idempotent 0.6", AXUM_IDEMPOTENT), ("idempotent 2.0", IDEMPOTENT)];
    for (title, peer) in both {
        let row = |what, case| Row::new(title, what, peer, case);
        rows.push(row("fresh key", Fresh));
        // Its replays leave a body unread that is not there at once, and that ends the connection.
        if peer != AXUM_IDEMPOTENT || body < 16 * 1_024 {
            rows.push(row("replay", Replay));
        }
        if whole {
            rows.extend([row("no key", NoKey), row("one hot key", Hot)]);
        }
        // The other one looks at the key only, and has no claims.
        if whole && peer == IDEMPOTENT {
            rows.extend([row("400, key of another request", Reused), row("409, still runs", InFlight)]);
        }
    }
}
