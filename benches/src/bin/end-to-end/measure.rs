//! Measures the rows of one group in turns, and checks in each turn that nothing was executed twice.

use std::io;
use std::time::Duration;

use idem_benches::median;

use crate::connection::Connection;
use crate::load::{CONNECTIONS, Load, Numbers};
use crate::pace::{Pace, Tally, drive};
use crate::plan::{BARE, BARE_WITHOUT_KEY, Case, Group, Row};
use crate::servers::{Database, Server};

/// How long and how often.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turns {
    pub(crate) rounds: usize,
    pub(crate) length: Duration,
    /// How long the load has been on before each turn: connections that idled, and a disk that others wrote to, take a
    /// moment until they are as fast as they then stay.
    pub(crate) lead: Duration,
}

/// A row, measured. Each ratio is the median of the ratios of the rounds.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    pub(crate) row: Row,
    pub(crate) body: usize,
    pub(crate) per_second: f64,
    pub(crate) of_bare: f64,
    /// Of the server's processor time, in microseconds for each request.
    pub(crate) cpu: f64,
    pub(crate) cpu_of_bare: f64,
    pub(crate) limit: Option<(&'static str, f64)>,
    /// What the handler did more often than it should have.
    pub(crate) surplus: u64,
    /// At half of `per_second`.
    pub(crate) latency: Option<Latency>,
}

/// From the moment at which a request should have been sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Latency {
    pub(crate) median: Duration,
    pub(crate) p99: Duration,
    /// If there were enough requests to tell.
    pub(crate) p999: Option<Duration>,
}

#[derive(Clone, Debug)]
struct Turn {
    tally: Tally,
    per_second: f64,
    cpu: f64,
    surplus: u64,
}

/// How often each row has a turn by the clock.
const OPEN_ROUNDS: usize = 3;

/// Measures a group with bodies of this size. Its servers run on `core`; this process, and the databases, have another one.
pub(crate) async fn group(
    group: &Group,
    body: usize,
    turns: Turns,
    core: usize,
    numbers: &Numbers,
) -> io::Result<(Vec<Measured>, Option<String>)> {
    let database = Database::start(group.store).await?;
    let mut servers: Vec<(&str, Server)> = Vec::new();
    for row in &group.rows {
        if !servers.iter().any(|(name, _)| *name == row.subject.name) {
            servers.push((row.subject.name, Server::start(row.subject, core, &database).await?));
        }
    }
    let mut loads = Vec::new();
    for row in &group.rows {
        let server = found(&mut servers, row);
        let load = Load::new(row, server.program.address, body, numbers).map_err(|error| named(row, error))?;
        loads.push(load);
    }
    let mut all: Vec<(Vec<Turn>, u64)> = group.rows.iter().map(|_| (Vec::new(), 0)).collect();
    // The first round warms up.
    for round in 0..=turns.rounds {
        for (load, (turns_of_row, surplus)) in loads.iter_mut().zip(&mut all) {
            let server = found(&mut servers, load.row);
            let length = if round == 0 { turns.length / 4 } else { turns.length };
            let named = |error| named(load.row, error);
            let lead = turn(load, server, Pace::AsAnswered, turns.lead).map_err(named)?;
            let turn = turn(load, server, Pace::AsAnswered, length).map_err(named)?;
            *surplus += lead.surplus + turn.surplus;
            if round > 0 {
                turns_of_row.push(turn);
            }
        }
    }
    let mut results: Vec<_> = (0..all.len()).map(|index| measured(&group.rows, &all, index, body)).collect();
    if group.latencies {
        let mut latencies = vec![Vec::new(); results.len()];
        for _ in 0..OPEN_ROUNDS {
            for ((load, result), latencies) in loads.iter_mut().zip(&mut results).zip(&mut latencies) {
                if !matches!(load.row.case, Case::Fresh | Case::Replay) {
                    continue;
                }
                let server = found(&mut servers, load.row);
                let pace = Pace::PerSecond(result.per_second / 2.0);
                let named = |error| named(load.row, error);
                let lead = turn(load, server, pace, turns.lead).map_err(named)?;
                let turn = turn(load, server, pace, turns.length * 2).map_err(named)?;
                result.surplus += lead.surplus + turn.surplus;
                latencies.extend(turn.tally.latencies);
            }
        }
        for (result, latencies) in results.iter_mut().zip(latencies) {
            result.latency = latency(latencies);
        }
    }
    Ok((results, database.version().await))
}

fn latency(mut all: Vec<Duration>) -> Option<Latency> {
    all.sort_unstable();
    let at = |part: usize| all.get(all.len() * part / 1_000).copied();
    // Ten of a thousandth are the least to tell it by.
    Some(Latency { median: at(500)?, p99: at(990)?, p999: at(999).filter(|_| all.len() >= 10_000) })
}

pub(crate) fn found<'a>(servers: &'a mut [(&str, Server)], row: &Row) -> &'a mut Server {
    let position = servers.iter().position(|(name, _)| *name == row.subject.name);
    &mut servers[position.unwrap_or(0)].1
}

fn named(row: &Row, error: io::Error) -> io::Error {
    io::Error::other(format!("{}, {}: {error}", row.title, row.what))
}

/// One turn. It fails if there were more or fewer effects than there should be; of another crate's guard there may be more.
fn turn(load: &mut Load<'_>, server: &mut Server, pace: Pace, length: Duration) -> io::Result<Turn> {
    load.prepare()?;
    let held = hold(load, server)?;
    let (before, cpu) = (server.effects()?, server.cpu()?);
    let tally = drive(load, pace, length)?;
    let (after, cpu) = (server.effects()?, server.cpu()? - cpu);
    if let Some(mut held) = held {
        server.release()?;
        let answer = held.receive()?;
        if answer.status != 201 || answer.replayed {
            return Err(io::Error::other(format!("the held request was answered {}", answer.status)));
        }
    }
    let expected = match load.row.case {
        Case::NoKey | Case::Fresh => tally.answers,
        Case::Hot => 1,
        Case::Replay | Case::Reused | Case::InFlight => 0,
    };
    let effects = after - before;
    if effects != expected && (effects < expected || !load.row.subject.peer) {
        let answers = tally.answers;
        return Err(io::Error::other(format!("{effects} effects of {answers} requests, where {expected} are right")));
    }
    #[allow(clippy::cast_precision_loss, reason = "a rate")]
    let (answers, cpu) = (tally.answers as f64, cpu as f64);
    let per_second = answers / tally.seconds;
    Ok(Turn { tally, per_second, cpu: cpu / 1_000.0 / answers, surplus: effects - expected })
}

/// For requests with the key of one that still runs: that one.
fn hold(load: &Load<'_>, server: &mut Server) -> io::Result<Option<Connection>> {
    if load.row.case != Case::InFlight {
        return Ok(None);
    }
    let mut request = load.requests(0)[0].clone();
    load.next(&mut request, 0, 0);
    let before = server.effects()?;
    let mut held = Connection::open(load.address)?;
    held.send(request.bytes())?;
    while server.effects()? == before {
        std::thread::yield_now();
    }
    Ok(Some(held))
}

fn measured(rows: &[Row], all: &[(Vec<Turn>, u64)], index: usize, body: usize) -> Measured {
    let row = &rows[index];
    let bare = if row.case == Case::NoKey { BARE_WITHOUT_KEY } else { BARE };
    let values = |of: usize, get: fn(&Turn) -> f64| all[of].0.iter().map(get).collect::<Vec<f64>>();
    let ratio = |to: usize, get: fn(&Turn) -> f64| {
        median(values(index, get).iter().zip(values(to, get)).map(|(one, other)| one / other).collect())
    };
    Measured {
        row: row.clone(),
        body,
        per_second: median(values(index, |turn| turn.per_second)),
        of_bare: ratio(bare, |turn| turn.per_second),
        cpu: median(values(index, |turn| turn.cpu)),
        cpu_of_bare: ratio(bare, |turn| turn.cpu),
        limit: row.limit.map(|limit| (rows[limit].what, ratio(limit, |turn| turn.per_second))),
        surplus: all[index].1,
        latency: None,
    }
}

/// For a profile: this row's load alone, for so long.
pub(crate) async fn alone(store: &str, row: &Row, body: usize, length: Duration, core: usize) -> io::Result<()> {
    let database = Database::start(store).await?;
    let mut server = Server::start(row.subject, core, &database).await?;
    let numbers = Numbers::new();
    let mut load = Load::new(row, server.program.address, body, &numbers)?;
    let process = server.program.pid();
    crate::say(&format!("{} is process {process}, under the load of {CONNECTIONS} connections", row.subject.name));
    let Turn { per_second, cpu, .. } = turn(&mut load, &mut server, Pace::AsAnswered, length)?;
    crate::say(&format!("{per_second:.0} requests per second, {cpu:.2} us of the server's processor time for each"));
    Ok(())
}
