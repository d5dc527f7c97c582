//! The one thread that writes: what is asked of it at the same time is committed together.
//!
//! A commit costs a flush of the disk, whatever is in it. So all that has come while the last one was flushed goes into the
//! next, and nobody is answered before it is there.

use std::sync::mpsc::{Receiver, Sender, channel};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::clock::Clock;
use super::entered::Entered;
use super::fault::{Failure, Fault};
use super::guard::Guard;
use super::row;

/// How many answers may wait for one commit.
const MOST: usize = 512;

/// So many jobs at most are committed one by one after a commit of several has failed: each of them costs a flush.
const ALONE: usize = 32;

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

/// What is answered when it is certain. Whoever failed by itself is told of that, unless it may have been for the others.
pub(super) fn once_committed<T, E: Failure>(result: Result<T, E>, committed: Result<(), Fault>) -> Result<T, E> {
    match (result, committed) {
        (Err(error), Err(Fault::Undone)) => Err(error.among_others()),
        (Ok(_), Err(fault)) => Err(fault.into_store_error().into()),
        (result, _) => result,
    }
}

struct Asked<T, E, F> {
    change: F,
    answer: oneshot::Sender<Result<T, E>>,
}

impl<T, E, F> Change for Asked<T, E, F>
where
    T: Send + 'static,
    E: Failure,
    F: FnOnce(&Desk) -> Result<T, E> + Send,
{
    fn make(self: Box<Self>, desk: &Desk) -> Answer {
        let Self { change, answer } = *self;
        let result = change(desk);
        Box::new(move |committed| drop(answer.send(once_committed(result, committed))))
    }

    fn refuse(self: Box<Self>, fault: Fault) {
        drop(self.answer.send(Err(fault.into_store_error().into())));
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
        let thread = Thread { desk, level, asked, next: None, alone: 0, to_sweep: 0 };
        std::thread::Builder::new().name("idem-sqlite-writer".to_owned()).spawn(move || thread.run())?;
        Ok(Self { jobs })
    }

    pub(super) fn send(&self, job: Job) -> Result<(), Fault> {
        self.jobs.send(job).map_err(|_| Fault::Stopped)
    }

    /// Makes a change, and gives its result to whoever waits for it when it is committed.
    pub(super) fn change<T, E>(
        &self,
        survives: Survives,
        answer: oneshot::Sender<Result<T, E>>,
        change: impl FnOnce(&Desk) -> Result<T, E> + Send + 'static,
    ) where
        T: Send + 'static,
        E: Failure,
    {
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
    /// So many of the next commits are of one job each: see [`fail`](Self::fail).
    alone: usize,
    to_sweep: usize,
}

impl Thread {
    fn run(mut self) {
        while let Some(first) = self.next.take().or_else(|| self.asked.recv().ok()) {
            // What has come by now decides how this commit has to be made: that cannot be changed once it has begun.
            let mut batch = vec![first];
            batch.extend(self.asked.try_iter().take(self.most() - 1));
            let survives = batch.iter().map(Job::survives).max().unwrap_or(Survives::Machine);
            self.commit(batch, survives);
        }
    }

    fn commit(&mut self, batch: Vec<Job>, survives: Survives) {
        let most = self.most();
        self.alone = self.alone.saturating_sub(1);
        if let Err(fault) = self.begin(survives) {
            batch.into_iter().for_each(|job| job.refuse(fault.among_others()));
            return;
        }
        let mut answers = Vec::with_capacity(batch.len());
        let mut batch = batch.into_iter();
        while let Some(job) = batch.next().or_else(|| self.one_more(survives, most.saturating_sub(answers.len()))) {
            answers.extend(self.work(job));
            if self.desk.db.is_autocommit() {
                // SQLite undoes the whole transaction where it cannot go on, on a full disk for instance.
                self.fail(std::mem::take(&mut answers), Fault::Failed);
                if let Err(fault) = self.begin(survives) {
                    batch.for_each(|job| job.refuse(fault.among_others()));
                    return;
                }
            }
        }
        self.sweep(answers.len());
        match self.desk.db.execute_batch("COMMIT").map_err(Fault::from) {
            Ok(()) => answers.into_iter().for_each(|answer| answer(Ok(()))),
            Err(fault) => {
                tracing::error!(%fault, "a commit failed; nothing in it is answered as done");
                self.roll_back();
                self.fail(answers, fault);
            }
        }
    }

    /// Says that nothing was kept. Where that were several, whose fault it was shows when each tries again by itself.
    fn fail(&mut self, answers: Vec<Answer>, fault: Fault) {
        let fault = match answers.len() {
            0 | 1 => fault,
            several => {
                self.alone = several.min(ALONE);
                fault.among_others()
            }
        };
        answers.into_iter().for_each(|answer| answer(Err(fault)));
    }

    /// How many answers may wait for the next commit.
    fn most(&self) -> usize {
        if self.alone == 0 { MOST } else { 1 }
    }

    /// Another one that has come meanwhile, and asks no more of this commit than it gives.
    fn one_more(&mut self, survives: Survives, room: usize) -> Option<Job> {
        if room == 0 || self.next.is_some() {
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
