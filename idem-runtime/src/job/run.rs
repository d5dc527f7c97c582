//! Runs a call, or says how it went before.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::Instrument as _;

use super::value::{self, EndingOf};
use super::{Done, JobCall, JobError, JobRefusal};
use crate::Idempotency;
use crate::engine::adopt::Adoptable;
use crate::engine::{Answer, Call, Ending, Finished};
use crate::http::execution::Execution;
use crate::http::transaction::{Transaction, Transactions};
use crate::store::Writes;
use crate::telemetry::{Operation, Outcome, Seen};

impl Idempotency {
    /// Runs `work` once for this call; a call that was made before gets the value that it came to then.
    ///
    /// `Ok` is recorded before it is given. An `Err` or a panic follows [`Job::on_failure`](crate::Job::on_failure): by
    /// default the next call runs the work again.
    ///
    /// `work` is an `async` block, of which nothing runs before the claim is held. When the future that this gives is
    /// dropped while it may hold the claim, the work is carried to its end on the Tokio runtime, so that its outcome is
    /// recorded; therefore it is `Send + 'static`. For work that borrows there is
    /// [`run_borrowing`](Self::run_borrowing).
    ///
    /// # Errors
    ///
    /// [`JobError::Failed`] with the work's own error, or [`JobError::Refused`] with the reason why the call has no
    /// value.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use idem_runtime::{Idempotency, Job, JobError, MemoryStore};
    ///
    /// const SHIP: Job = Job::new("ship", Duration::from_secs(24 * 3600));
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), JobError<std::io::Error>> {
    /// let idempotency = Idempotency::new(MemoryStore::new());
    /// for delivery in [1, 2] {
    ///     let parcel = idempotency.run(SHIP.key("message-1"), async { Ok("parcel 7".to_owned()) }).await?;
    ///     assert_eq!(*parcel, "parcel 7");
    ///     assert_eq!(parcel.is_replayed(), delivery == 2);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn run<T, E>(
        &self,
        call: JobCall,
        work: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Result<Done<T>, JobError<E>>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        E: Send + 'static,
    {
        done(owned(self, call, work, value::ending).await)
    }

    /// As [`run`](Self::run), for work that borrows or is not `Send`.
    ///
    /// It cannot outlive its caller: when the future that this gives is dropped, the work is dropped with it. If it had
    /// begun, that counts as a failure, and [`Job::on_failure`](crate::Job::on_failure) says what it means; if it had
    /// ended, its value is recorded all the same.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use idem_runtime::{Idempotency, Job, JobError, MemoryStore};
    ///
    /// const COUNT: Job = Job::new("count", Duration::from_secs(24 * 3600));
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), JobError<std::io::Error>> {
    /// let idempotency = Idempotency::new(MemoryStore::new());
    /// let mut count = 0;
    /// for _ in 0..2 {
    ///     let work = async {
    ///         count += 1;
    ///         Ok(())
    ///     };
    ///     idempotency.run_borrowing(COUNT.key("message-1"), work).await?;
    /// }
    /// assert_eq!(count, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn run_borrowing<T, E>(
        &self,
        call: JobCall,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<Done<T>, JobError<E>>
    where
        T: Serialize + DeserializeOwned,
    {
        done(borrowing(self, call, work, value::ending).await)
    }
}

impl<T: Send + Sync + 'static> Transactions<T> {
    /// As [`Idempotency::run`], with the transaction in which the record of this call is stored: what the work writes in
    /// it is committed together with the record, or not at all.
    ///
    /// `Ok` commits both. An `Err`, a panic, or a process that dies undoes what was written, and leaves no record (with
    /// [`OnFailure::Keep`](crate::OnFailure::Keep): the record that the outcome is unknown). What holds for the
    /// [`Transaction`] of a handler, holds here.
    ///
    /// # Errors
    ///
    /// As [`Idempotency::run`].
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "sqlite")] {
    /// use std::time::Duration;
    /// use idem_runtime::{Idempotency, Job, JobError, SqliteTransactions, store::SqliteError};
    ///
    /// const SHIP: Job = Job::new("ship", Duration::from_secs(24 * 3600));
    ///
    /// async fn consume(
    ///     transactions: &SqliteTransactions,
    ///     message: &str,
    ///     lamps: u32,
    /// ) -> Result<usize, JobError<SqliteError>> {
    ///     let parcels = transactions
    ///         .run(SHIP.key(message), async move |mut tx| {
    ///             tx.call(move |db| db.execute("INSERT INTO parcels (lamps) VALUES (?1)", [lamps])).await
    ///         })
    ///         .await?;
    ///     Ok(parcels.into_inner())
    /// }
    /// # }
    /// ```
    pub async fn run<V, E, F>(
        &self,
        call: JobCall,
        work: impl FnOnce(Transaction<T>) -> F + Send + 'static,
    ) -> Result<Done<V>, JobError<E>>
    where
        F: Future<Output = Result<V, E>> + Send + 'static,
        V: Serialize + DeserializeOwned + Send + 'static,
        E: Send + 'static,
    {
        let transaction = call.transaction(self.idempotency());
        let work = async move { work(transaction).await };
        done(owned(self.idempotency(), call, work, value::ending).await)
    }
}

/// Work that is carried to its end when its caller goes.
pub(super) async fn owned<R: Send + 'static>(
    idempotency: &Idempotency,
    call: JobCall,
    work: impl Future<Output = R> + Send + 'static,
    ending: EndingOf<R>,
) -> Result<Answer<R>, JobRefusal> {
    let max_result = call.max_result(idempotency);
    let engine = Arc::clone(idempotency.engine());
    if engine.bypasses() {
        let (progress, stats) = (call.execution().progress(), Arc::clone(engine.stats()));
        let bypassed = Bypassed::of(&call, idempotency);
        let span = bypassed.seen.span();
        let work = async move { bypassed.run(work, |result| ending(result, max_result).0).await };
        return Adoptable::new(work, progress, stats, span).await;
    }
    let (seen, call) = identify(idempotency, call)?;
    let span = seen.span();
    let (progress, stats) = (Arc::clone(&call.progress), Arc::clone(engine.stats()));
    let guarded = async move {
        let work = async move {
            let answer = work.await;
            let ending = ending(&answer, max_result).0;
            Finished { answer, ending, writes: Writes::Keep }
        };
        let answer = engine.execute(call, std::future::ready(work)).await.map_err(JobRefusal::of);
        seen.end(Outcome::of_job(&answer));
        answer
    };
    Adoptable::new(guarded, progress, stats, span).await
}

/// Work that ends when its caller goes.
pub(super) async fn borrowing<R>(
    idempotency: &Idempotency,
    call: JobCall,
    work: impl Future<Output = R>,
    ending: EndingOf<R>,
) -> Result<Answer<R>, JobRefusal> {
    let max_result = call.max_result(idempotency);
    let ending = |result: &R| ending(result, max_result).0;
    if idempotency.engine().bypasses() {
        let bypassed = Bypassed::of(&call, idempotency);
        let span = bypassed.seen.span();
        return bypassed.run(work, ending).instrument(span).await;
    }
    let (seen, call) = identify(idempotency, call)?;
    let answered = idempotency.engine().execute_in_place(call, work, ending).instrument(seen.span()).await;
    let answer = answered.map_err(JobRefusal::of);
    seen.end(Outcome::of_job(&answer));
    answer
}

fn identify(idempotency: &Idempotency, call: JobCall) -> Result<(Seen, Call), JobRefusal> {
    let seen = see(idempotency, &call);
    match call.identify(idempotency) {
        Ok(call) => {
            seen.identified(call.key);
            Ok((seen, call))
        }
        Err(refusal) => {
            seen.end(Outcome::of_job_refusal(&refusal));
            Err(refusal)
        }
    }
}

fn see(idempotency: &Idempotency, call: &JobCall) -> Seen {
    Seen::of(Operation::of_job(call.operation()), idempotency.engine())
}

/// A call whose key nobody looks at.
struct Bypassed {
    idempotency: Idempotency,
    execution: Execution,
    lease: Duration,
    seen: Seen,
}

impl Bypassed {
    fn of(call: &JobCall, idempotency: &Idempotency) -> Self {
        let (execution, lease) = (call.execution(), call.lease(idempotency));
        Self { idempotency: idempotency.clone(), execution, lease, seen: see(idempotency, call) }
    }

    async fn run<R>(
        self,
        work: impl Future<Output = R>,
        ending: impl FnOnce(&R) -> Ending,
    ) -> Result<Answer<R>, JobRefusal> {
        let answer = match self.execution.transaction() {
            None => Ok(work.await),
            Some((_, slot)) => {
                let work = async {
                    let answer = work.await;
                    Finished { ending: ending(&answer), answer, writes: Writes::Keep }
                };
                let engine = self.idempotency.engine();
                engine.execute_unguarded(&self.execution.progress(), self.lease, slot, work).await
            }
        };
        self.seen.end(Outcome::Bypassed);
        answer.map(Answer::Executed).map_err(JobRefusal::of)
    }
}

fn done<T: DeserializeOwned, E>(answer: Result<Answer<Result<T, E>>, JobRefusal>) -> Result<Done<T>, JobError<E>> {
    match answer? {
        Answer::Executed(Ok(value)) => Ok(Done::executed(value)),
        Answer::Executed(Err(error)) => Err(JobError::Failed(error)),
        Answer::Replay { head, body } => Ok(Done::replayed(value::read(&head, &body)?)),
    }
}
