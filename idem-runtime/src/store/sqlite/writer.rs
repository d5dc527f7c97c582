//! The one thread that writes: what is asked of it at the same time is committed together.
//!
//! A commit costs a flush of the disk, whatever is in it. So all that has come while the last one was flushed goes into the
//! next, and nobody is answered before it is there.

use std::sync::mpsc::{Receiver, Sender, channel};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::clock::Clock;
use super::entered::Entered;
use super::fault::Fault;
use super::guard::Guard;
use super::row;
use crate::store::StoreError;

/// How many answers may wait for one commit.
const MOST: usize = 512;

/// So many rows are looked for to be removed, for each job: more than a job adds.
const SWEPT_PER_JOB: usize = 2;

/// So many rows are removed at once: few enough for nobody to notice.
const SWEEP: usize = 128;

/// What a change has to survive before it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Survives {
    /// The end of this process, and of every other.
    Process,
    /// The end of the machine: it is flushed to the disk.
    Machine,
}

/// Says how it went, once that is certain.
pub(super) type Answer = Box<dyn FnOnce(Result<(), Fault>) + Send>;

/// What the thread works with.
pub(super) struct Desk {
    pub(super) db: Connection,
    pub(super) clock: Clock,
    pub(super) guard: Guard,
}

/// A change of the database, and who waits for it.
pub(super) trait Change: Send {
    /// Makes it, in the transaction that is open.
    fn make(self: Box<Self>, desk: &Desk) -> Answer;

    /// Tells that it was not made.
    fn refuse(self: Box<Self>, fault: Fault);
}

/// What is asked of the thread.
pub(super) enum Job {
    /// All of it at once.
    Change(Survives, Box<dyn Change>),
    /// The statements of a handler, which goes on as it sees what they gave.
    Enter(Entered),
}

impl Job {
    fn survives(&self) -> Survives {
        match self {
            Self::Change(survives, _) => *survives,
            Self::Enter(_) => Survives::Machine,
        }
    }

    fn refuse(self, fault: Fault) {
        match self {
            Self::Change(_, change) => change.refuse(fault),
            Self::Enter(entered) => entered.refuse(fault),
        }
    }
}

struct Asked<T, F> {
    change: F,
    answer: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Change for Asked<T, F>
where
    T: Send + 'static,
    F: FnOnce(&Desk) -> Result<T, StoreError> + Send,
{
    fn make(self: Box<Self>, desk: &Desk) -> Answer {
        let Self { change, answer } = *self;
        let result = change(desk);
        Box::new(move |committed| {
            drop(answer.send(match committed {
                Ok(()) => result,
                Err(fault) => Err(fault.into_store_error()),
            }));
        })
    }

    fn refuse(self: Box<Self>, fault: Fault) {
        drop(self.answer.send(Err(fault.into_store_error())));
    }
}

/// The way to the thread. It ends when nobody has one any more, and all that was asked is done.
#[derive(Clone)]
pub(super) struct Writer {
    jobs: Sender<Job>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(desk: Desk, level: Level) -> std::io::Result<Self> {
        let (jobs, asked) = channel();
        let thread = Thread { desk, level, asked, next: None, to_sweep: 0 };
        std::thread::Builder::new().name("idem-sqlite-writer".to_owned()).spawn(move || thread.run())?;
        Ok(Self { jobs })
    }

    pub(super) fn send(&self, job: Job) -> Result<(), Fault> {
        self.jobs.send(job).map_err(|_| Fault::Stopped)
    }

    /// Makes a change, and gives its result to whoever waits for it when it is committed.
    pub(super) fn change<T: Send + 'static>(
        &self,
        survives: Survives,
        answer: oneshot::Sender<Result<T, StoreError>>,
        change: impl FnOnce(&Desk) -> Result<T, StoreError> + Send + 'static,
    ) {
        // If it cannot be sent, `answer` is dropped with it, and that is noticed.
        let _ = self.send(Job::Change(survives, Box::new(Asked { change, answer })));
    }
}

/// How durable commits are, as a `PRAGMA synchronous`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Level {
    /// For what has to survive the machine.
    pub(super) machine: &'static str,
    /// For what has to survive the process.
    pub(super) process: &'static str,
    /// As it is set now.
    pub(super) now: &'static str,
}

struct Thread {
    desk: Desk,
    level: Level,
    asked: Receiver<Job>,
    /// One that has come, and is for the next commit.
    next: Option<Job>,
    to_sweep: usize,
}

impl Thread {
    fn run(mut self) {
        while let Some(first) = self.next.take().or_else(|| self.asked.recv().ok()) {
            // What has come by now decides how this commit has to be made: that cannot be changed once it has begun.
            let mut batch = vec![first];
            batch.extend(self.asked.try_iter().take(MOST - 1));
            let survives = batch.iter().map(Job::survives).max().unwrap_or(Survives::Machine);
            self.commit(batch, survives);
        }
    }

    fn commit(&mut self, batch: Vec<Job>, survives: Survives) {
        if let Err(fault) = self.begin(survives) {
            batch.into_iter().for_each(|job| job.refuse(fault));
            return;
        }
        let mut answers = Vec::with_capacity(batch.len());
        let mut batch = batch.into_iter();
        while let Some(job) = batch.next().or_else(|| self.one_more(survives, answers.len())) {
            answers.extend(self.work(job));
            if self.desk.db.is_autocommit() {
                // SQLite undoes the whole transaction where it cannot go on, on a full disk for instance.
                answers.drain(..).for_each(|answer: Answer| answer(Err(Fault::Undone)));
                if let Err(fault) = self.begin(survives) {
                    batch.for_each(|job| job.refuse(fault));
                    return;
                }
            }
        }
        self.sweep(answers.len());
        let committed = self.desk.db.execute_batch("COMMIT").map_err(Fault::from);
        if let Err(fault) = committed {
            tracing::error!(%fault, "a commit failed; nothing in it is answered as done");
            self.roll_back();
        }
        answers.into_iter().for_each(|answer| answer(committed));
    }

    /// Another one that has come meanwhile, and asks no more of this commit than it gives.
    fn one_more(&mut self, survives: Survives, so_far: usize) -> Option<Job> {
        if so_far >= MOST || self.next.is_some() {
            return None;
        }
        let job = self.asked.try_recv().ok()?;
        if job.survives() <= survives {
            return Some(job);
        }
        self.next = Some(job);
        None
    }

    fn begin(&mut self, survives: Survives) -> Result<(), Fault> {
        let level = match survives {
            Survives::Machine => self.level.machine,
            Survives::Process => self.level.process,
        };
        if self.level.now != level {
            self.desk.db.pragma_update(None, "synchronous", level)?;
            self.level.now = level;
        }
        self.desk.db.execute_batch("BEGIN IMMEDIATE").map_err(Fault::from)
    }

    fn roll_back(&self) {
        if !self.desk.db.is_autocommit()
            && let Err(error) = self.desk.db.execute_batch("ROLLBACK")
        {
            tracing::error!(fault = %Fault::from(error), "a roll-back failed");
        }
    }

    fn work(&self, job: Job) -> Option<Answer> {
        match job {
            Job::Change(_, change) => Some(change.make(&self.desk)),
            Job::Enter(entered) => entered.run(&self.desk),
        }
    }

    fn sweep(&mut self, jobs: usize) {
        self.to_sweep = (self.to_sweep + jobs * SWEPT_PER_JOB).min(SWEEP);
        if self.to_sweep < SWEEP {
            return;
        }
        self.to_sweep = 0;
        if let Err(error) = row::sweep(&self.desk.db, SWEEP, self.desk.clock.now()) {
            tracing::warn!(%error, "rows that have ended could not be removed");
        }
    }
}
