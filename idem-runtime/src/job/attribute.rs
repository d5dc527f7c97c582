//! What the expansion of `#[idempotent_fn]` calls.

use std::future::{Future, IntoFuture};
use std::pin::Pin;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::value::{self, Ended, EndingOf};
use super::{JobCall, JobRefusal};
use crate::Idempotency;
use crate::engine::Answer;
use crate::http::transaction::{Transaction, Transactions};

/// An error that can say that a call was refused.
#[diagnostic::on_unimplemented(
    message = "the error `{Self}` cannot say that a call was refused",
    label = "this error has no way to hold a `JobRefusal`",
    note = "implement `From<idem_runtime::JobRefusal>` for `{Self}`: a duplicate in flight, a key that belongs to another \
            call, or a store that cannot be reached, are told to the caller as that"
)]
pub trait TakesRefusals: Sized {
    /// The error of a refused call.
    #[doc(hidden)]
    fn refused(refusal: JobRefusal) -> Self;
}

#[diagnostic::do_not_recommend]
impl<E: From<JobRefusal>> TakesRefusals for E {
    fn refused(refusal: JobRefusal) -> Self {
        refusal.into()
    }
}

/// The return type of an idempotent function.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `Result` that can be recorded",
    label = "an idempotent function returns `Result<T, E>`"
)]
pub trait JobResult: Sized {
    #[doc(hidden)]
    fn ended(&self, max_result: usize) -> Ended;
    #[doc(hidden)]
    fn read(head: &Bytes, body: &Bytes) -> Self;
    #[doc(hidden)]
    fn refused(refusal: JobRefusal) -> Self;
}

impl<T, E> JobResult for Result<T, E>
where
    T: Serialize + DeserializeOwned,
    E: TakesRefusals,
{
    fn ended(&self, max_result: usize) -> Ended {
        value::ending(self, max_result)
    }

    fn read(head: &Bytes, body: &Bytes) -> Self {
        value::read(head, body).map_err(E::refused)
    }

    fn refused(refusal: JobRefusal) -> Self {
        Err(E::refused(refusal))
    }
}

/// What is done with a return type, as plain functions: what it lacks is reported where this is made, once.
pub struct Codec<R> {
    ending: EndingOf<R>,
    read: fn(&Bytes, &Bytes) -> R,
    refused: fn(JobRefusal) -> R,
}

impl<R> std::fmt::Debug for Codec<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Codec(..)")
    }
}

/// The codec of a function's return type.
#[must_use]
pub const fn codec<R: JobResult>() -> Codec<R> {
    Codec { ending: R::ended, read: R::read, refused: R::refused }
}

/// The store, apart from what lends it.
#[must_use]
pub fn idempotency(store: &Idempotency) -> Idempotency {
    store.clone()
}

/// The same, of a store that hands out transactions.
#[must_use]
pub fn transactions<T>(store: &Transactions<T>) -> (Idempotency, Transactions<T>) {
    (store.idempotency().clone(), store.clone())
}

/// The transaction in which the record of this call is stored.
pub fn transaction<T: Send + 'static>(transactions: &Transactions<T>, call: &JobCall) -> Transaction<T> {
    call.transaction(transactions.idempotency())
}

/// Runs a function whose arguments are its own.
pub const fn run<F: Future>(idempotency: Idempotency, call: JobCall, codec: Codec<F::Output>, work: F) -> Owned<F> {
    Owned { idempotency, call, codec, work }
}

/// A call that is awaited next. That its work can be sent is asked only then, so that an error is reported where the
/// expansion awaits it: at the function's name.
pub struct Owned<F: Future> {
    idempotency: Idempotency,
    call: JobCall,
    codec: Codec<F::Output>,
    work: F,
}

impl<F: Future> std::fmt::Debug for Owned<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Owned(..)")
    }
}

impl<F> IntoFuture for Owned<F>
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    type Output = F::Output;
    type IntoFuture = Pin<Box<dyn Future<Output = F::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { idempotency, call, codec, work } = self;
        Box::pin(async move {
            let answer = super::run::owned(&idempotency, call, work, codec.ending).await;
            finish(answer, &codec)
        })
    }
}

/// Runs a function that borrows.
pub async fn run_borrowing<R>(
    idempotency: Idempotency,
    call: JobCall,
    codec: Codec<R>,
    work: impl Future<Output = R>,
) -> R {
    let answer = super::run::borrowing(&idempotency, call, work, codec.ending).await;
    finish(answer, &codec)
}

fn finish<R>(answer: Result<Answer<R>, JobRefusal>, codec: &Codec<R>) -> R {
    match answer {
        Ok(Answer::Executed(result)) => result,
        Ok(Answer::Replay { head, body }) => (codec.read)(&head, &body),
        Err(refusal) => (codec.refused)(refusal),
    }
}
