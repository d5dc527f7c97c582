//! Measures the rows of one group in turns, and checks in each turn that nothing was executed twice.

use std::io;
use std::time::Duration;

use idem_benches::median;

use crate::closed::{CONNECTIONS, Load, Numbers, Tally};
use crate::connection::Connection;
use crate::plan::{BARE, BARE_WITHOUT_KEY, Case, Group, Row};
use crate::servers::{Database, Server};

/// How long and how often.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turns {
    pub(crate) rounds: usize,
    pub(crate) length: Duration,
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
}

#[derive(Clone, Copy, Debug)]
struct Turn {
    per_second: f64,
    cpu: f64,
}

/// Where the measured servers run. This process, and what it starts, has another core.
pub(crate) async fn group(
    group: &Group,
    body: usize,
    turns: Turns,
    core: usize,
    numbers: &Numbers,
) -> io::Result<Vec<Measured>> {
    let database = Database::start(group.store).await?;
    let mut servers: Vec<(&str, Server)> = Vec::new();
    for row in &group.rows {
        if !servers.iter().any(|(name, _)| *name == row.subject.name) {
            servers.push((row.subject.name, Server::start(row.subject, core, &database).await?));
        }
    }
    let named = |row: &Row, error: io::Error| io::Error::other(format!("{}, {}: {error}", row.title, row.what));
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
            let (turn, more) = turn(load, server, length).map_err(|error| named(load.row, error))?;
            *surplus += more;
            if round > 0 {
                turns_of_row.push(turn);
            }
        }
    }
    let results = (0..all.len()).map(|index| measured(&group.rows, &all, index, body)).collect();
    Ok(results)
}

pub(crate) fn found<'a>(servers: &'a mut [(&str, Server)], row: &Row) -> &'a mut Server {
    let position = servers.iter().position(|(name, _)| *name == row.subject.name);
    &mut servers[position.unwrap_or(0)].1
}

/// One turn, and how many effects too many there were: none, or it fails, unless it is another crate's.
fn turn(load: &mut Load<'_>, server: &mut Server, length: Duration) -> io::Result<(Turn, u64)> {
    load.prepare()?;
    let held = hold(load, server)?;
    let (before, cpu) = (server.effects()?, server.cpu()?);
    let Tally { answers, seconds } = load.run(length)?;
    let (after, cpu) = (server.effects()?, server.cpu()? - cpu);
    if let Some(mut held) = held {
        server.release()?;
        let answer = held.receive()?;
        if answer.status != 201 || answer.replayed {
            return Err(io::Error::other(format!("the held request was answered {}", answer.status)));
        }
    }
    let expected = match load.row.case {
        Case::NoKey | Case::Fresh => answers,
        Case::Hot => 1,
        Case::Replay | Case::Reused | Case::InFlight => 0,
    };
    let effects = after - before;
    if effects != expected && (effects < expected || !load.row.subject.peer) {
        return Err(io::Error::other(format!("{effects} effects of {answers} requests, where {expected} are right")));
    }
    #[allow(clippy::cast_precision_loss, reason = "a rate")]
    let (answers, cpu) = (answers as f64, cpu as f64);
    Ok((Turn { per_second: answers / seconds, cpu: cpu / 1_000.0 / answers }, effects - expected))
}

/// For requests with the key of one that still runs: that one.
fn hold(load: &Load<'_>, server: &mut Server) -> io::Result<Option<Connection>> {
    if load.row.case != Case::InFlight {
        return Ok(None);
    }
    let mut request = load.request(0).clone();
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
    }
}

/// For a profile: this row's load alone, for so long.
pub(crate) async fn alone(store: &str, row: &Row, body: usize, length: Duration, core: usize) -> io::Result<Server> {
    let database = Database::start(store).await?;
    let mut server = Server::start(row.subject, core, &database).await?;
    let numbers = Numbers::new();
    let mut load = Load::new(row, server.program.address, body, &numbers)?;
    crate::say(&format!(
        "{} is process {}, under the load of {CONNECTIONS} connections",
        row.subject.name,
        server.program.pid()
    ));
    let (Turn { per_second, cpu }, _) = turn(&mut load, &mut server, length)?;
    crate::say(&format!("{per_second:.0} requests per second, {cpu:.2} us of the server's processor time for each"));
    Ok(server)
}
