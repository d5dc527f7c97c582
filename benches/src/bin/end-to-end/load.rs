//! The requests of one row, and which answers are right.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::connection::{Answer, Connection};
use crate::plan::{Case, Row};
use crate::request::Request;

/// How many requests are under way at any moment.
pub(crate) const CONNECTIONS: usize = 32;
/// How many recorded answers each connection asks for again, in turns.
const RECORDED: u64 = 32;
/// How many sessions share the keys of one connection, where there are sessions: each write goes through all of one's
/// entries.
const SESSIONS: usize = 64;

/// The keys of this run: none is given out twice.
#[derive(Debug)]
pub(crate) struct Numbers {
    pub(crate) run: u32,
    next: AtomicU64,
}

impl Numbers {
    pub(crate) fn new() -> Self {
        Self { run: rand::random(), next: AtomicU64::new(0) }
    }

    pub(crate) fn take(&self, many: u64) -> u64 {
        self.next.fetch_add(many, Ordering::Relaxed)
    }
}

/// Requests of one row at one server.
#[derive(Debug)]
pub(crate) struct Load<'a> {
    pub(crate) row: &'a Row,
    pub(crate) address: SocketAddr,
    pub(crate) body: usize,
    pub(crate) numbers: &'a Numbers,
    /// The first of the recorded keys, or the one key.
    pub(crate) first: u64,
    /// The requests of each connection, one for each session.
    requests: Vec<Vec<Request>>,
}

impl<'a> Load<'a> {
    /// Begins the sessions that it needs, and records what is to be replayed.
    pub(crate) fn new(row: &'a Row, address: SocketAddr, body: usize, numbers: &'a Numbers) -> io::Result<Self> {
        let recorded = RECORDED * CONNECTIONS as u64;
        let mut load = Self { row, address, body, numbers, first: numbers.take(recorded), requests: Vec::new() };
        load.begin_sessions()?;
        if matches!(row.case, Case::Replay | Case::Reused) {
            let path = if row.path == "/get" { "/two-sets" } else { row.path };
            let run = Some(numbers.run);
            for (connection, requests) in load.requests.iter().enumerate() {
                let mut to = Connection::open(address)?;
                for number in 0..RECORDED {
                    let mut request = match path == row.path {
                        true => requests[load.session(number)].clone(),
                        false => Request::new(path, run, None, body),
                    };
                    let key = load.recorded(connection, number);
                    request.set(key, key);
                    let answer = to.exchange(request.bytes())?;
                    if answer.status != 201 {
                        return Err(io::Error::other(format!("to be recorded: {}", answer.status)));
                    }
                }
            }
        }
        Ok(load)
    }

    /// The recorded keys of a connection, in turns.
    fn recorded(&self, connection: usize, number: u64) -> u64 {
        self.first + connection as u64 * RECORDED + number % RECORDED
    }

    /// In which session. What is recorded in one is asked for in the same.
    pub(crate) fn session(&self, number: u64) -> usize {
        let number = if self.row.case == Case::Fresh { number } else { number % RECORDED };
        usize::try_from(number).unwrap_or(0) % self.requests[0].len()
    }

    /// Sessions that nothing is kept in yet.
    fn begin_sessions(&mut self) -> io::Result<()> {
        let run = (self.row.case != Case::NoKey).then_some(self.numbers.run);
        let new = |cookie: Option<&str>| Request::new(self.row.path, run, cookie, self.body);
        self.requests = if !self.row.subject.sessions {
            vec![vec![new(None)]; CONNECTIONS]
        } else {
            let mut to = Connection::open(self.address)?;
            let mut begin = || -> io::Result<Request> {
                let cookie = to.ask("GET", "/session")?.cookie;
                Ok(new(Some(&cookie.ok_or_else(|| io::Error::other("no session"))?)))
            };
            match self.row.case {
                // The key is one of one session.
                Case::Hot => vec![vec![begin()?]; CONNECTIONS],
                _ => (0..CONNECTIONS).map(|_| (0..SESSIONS).map(|_| begin()).collect()).collect::<io::Result<_>>()?,
            }
        };
        Ok(())
    }

    /// What a turn needs that has not been used.
    pub(crate) fn prepare(&mut self) -> io::Result<()> {
        match self.row.case {
            Case::Hot | Case::InFlight => self.first = self.numbers.take(1),
            Case::Fresh if self.row.subject.sessions => self.begin_sessions()?,
            _ => {}
        }
        Ok(())
    }

    /// A connection's requests, one for each session.
    pub(crate) fn requests(&self, connection: usize) -> &[Request] {
        &self.requests[connection]
    }

    /// Makes it the request of this number.
    pub(crate) fn next(&self, request: &mut Request, connection: usize, number: u64) {
        let (key, order) = match self.row.case {
            Case::NoKey | Case::Fresh => {
                let number = self.numbers.take(1);
                (number, number)
            }
            Case::Replay => {
                let key = self.recorded(connection, number);
                (key, key)
            }
            Case::Reused => {
                let key = self.recorded(connection, number);
                (key, key + 1)
            }
            Case::Hot | Case::InFlight => (self.first, self.first),
        };
        request.set(key, order);
    }

    /// An answer that is not the right one ends the run.
    pub(crate) fn check(&self, answer: &Answer<'_>, request: &Request) -> io::Result<()> {
        let Row { subject, case, .. } = self.row;
        let paid = answer.status == 201 && answer.body == request.body();
        let right = match case {
            Case::NoKey | Case::Fresh => paid && !answer.replayed,
            Case::Replay => paid && answer.replayed == subject.marks,
            Case::Hot => paid || answer.status == 409,
            Case::Reused => answer.status == subject.reused,
            Case::InFlight => answer.status == 409,
        };
        if right {
            return Ok(());
        }
        let body = String::from_utf8_lossy(&answer.body[..answer.body.len().min(300)]).into_owned();
        Err(io::Error::other(format!("a wrong answer: {} (replayed: {}): {body}", answer.status, answer.replayed)))
    }
}
