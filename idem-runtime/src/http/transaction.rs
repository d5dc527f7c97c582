//! The record's own transaction, as an argument of a handler.

use std::any::TypeId;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, OnceLock};

use axum::extract::{FromRef, FromRequestParts};
use axum::response::Response;
use http::request::Parts;

use super::execution::Execution;
use super::refusal::{Refusal, RefusalCode};
use crate::Idempotency;
use crate::engine::transaction::Slot;

/// The right to hand transactions of type `T` to handlers: proof that the store has such.
///
/// Made when the application starts, with [`Idempotency::transactions`], which fails if the store has none; put into the
/// router state. A handler that takes a [`Transaction`] does not compile without it.
pub struct Transactions<T> {
    idempotency: Idempotency,
    kind: PhantomData<fn() -> T>,
}

impl<T> Transactions<T> {
    pub(crate) const fn idempotency(&self) -> &Idempotency {
        &self.idempotency
    }
}

impl<T> Clone for Transactions<T> {
    fn clone(&self) -> Self {
        Self { idempotency: self.idempotency.clone(), kind: PhantomData }
    }
}

impl<T> fmt::Debug for Transactions<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transactions").field("store", &self.idempotency.store_name()).finish()
    }
}

/// Why [`Idempotency::transactions`] gives none: the store has no transactions, or none of this type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoTransactions {
    store: &'static str,
    wanted: &'static str,
}

impl fmt::Display for NoTransactions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the store `{}` has no transactions of the type {}: connect to a store that has them, `postgres://..` for \
             a PostgresTransaction or `sqlite:FILE` for a SqliteTransaction",
            self.store, self.wanted
        )
    }
}

impl std::error::Error for NoTransactions {}

impl Idempotency {
    /// What the router state needs so that handlers can take a [`Transaction`].
    ///
    /// # Errors
    ///
    /// When the store has no transactions of this type. Call this when the application starts: so it is then that it
    /// fails, and not at the first request.
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::{Idempotency, MemoryStore};
    ///
    /// // The store in memory has none.
    /// let error = Idempotency::new(MemoryStore::new()).transactions::<()>().unwrap_err();
    /// assert!(error.to_string().starts_with("the store `memory` has no transactions"));
    /// ```
    pub fn transactions<T: Send + 'static>(&self) -> Result<Transactions<T>, NoTransactions> {
        match self.engine().store().transactional() {
            Some(store) if store.0.transaction_type() == TypeId::of::<T>() => {
                Ok(Transactions { idempotency: self.clone(), kind: PhantomData })
            }
            _ => Err(NoTransactions { store: self.store_name(), wanted: std::any::type_name::<T>() }),
        }
    }
}

/// An extractor: the transaction in which the record of this request will be stored.
///
/// What the handler writes in it is committed together with the record, or not at all: exactly once per key, whatever
/// crashes. Use it by the name that its store gives it, `PostgresTransaction` or `SqliteTransaction`.
///
/// | the handler | its writes | the record |
/// |---|---|---|
/// | answers 2xx or 3xx | committed | committed with them, if this answer is recorded |
/// | answers 4xx that is recorded | undone | committed |
/// | answers 4xx that is not recorded | undone | none: the next retry runs |
/// | answers 5xx, panics, its process dies, its connection is lost | undone | none; with `on_failure = "keep"`, what that says |
///
/// - It is opened before the handler's body runs, and ended after it has returned and its answer's body was read. A
///   retry that comes meanwhile is refused or waits, as the route's `in_flight` says; it waits for no lock.
/// - The route's `lease` is how long the handler may leave the transaction without a statement: after that the store
///   rolls it back, so that a process that hangs blocks nobody for longer.
/// - Nothing but what is written through it is exactly once. A call of another service is not: derive a key for it, see
///   [`Execution::derive_key`].
/// - With `on_failure = "keep"` a claim with a lease is stored before the transaction begins, at the price of one more
///   commit: a transaction that ends with its process leaves no trace, and "at most once" needs one.
/// - Do not end it yourself, with a `COMMIT` of your own, and do not move it out of the handler: it would be rolled back,
///   and the request refused with 503.
/// - A request that runs without a key (`missing = "execute"`) gets a transaction that ends by the same rules.
///
/// # Panics
///
/// It derefs to the transaction. That panics in a handler without `#[idempotent]`, where there is no record and no
/// transaction, and if one handler takes two.
pub struct Transaction<T: Send + 'static> {
    slot: Arc<Slot>,
    taken: OnceLock<Box<T>>,
}

impl<T: Send + 'static> Transaction<T> {
    pub(crate) fn new(slot: Arc<Slot>) -> Self {
        Self { slot, taken: OnceLock::new() }
    }

    fn get(&self) -> &T {
        self.taken.get_or_init(|| self.take())
    }

    fn take(&self) -> Box<T> {
        let Some(transaction) = self.slot.take().and_then(|transaction| transaction.downcast().ok()) else {
            panic!(
                "there is no transaction here: a handler that takes one needs #[idempotent(..)], takes it once, and \
                 uses it before it returns"
            );
        };
        transaction
    }
}

impl<T: Send + Sync + 'static> Deref for Transaction<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.get()
    }
}

impl<T: Send + Sync + 'static> DerefMut for Transaction<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.get();
        match self.taken.get_mut() {
            Some(taken) => taken,
            None => unreachable!("it was taken just now"),
        }
    }
}

impl<T: Send + 'static> Drop for Transaction<T> {
    fn drop(&mut self) {
        if let Some(taken) = self.taken.take() {
            self.slot.put(taken);
        }
    }
}

impl<T: Send + 'static> fmt::Debug for Transaction<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transaction(..)")
    }
}

/// A router state that has [`Transactions`] in it.
#[diagnostic::on_unimplemented(
    message = "the router state `{Self}` provides no transactions for this handler",
    label = "this handler takes the record's own transaction, which the state does not provide",
    note = "put `idempotency.transactions()?` into a field of `{Self}`, of type `idem_runtime::PostgresTransactions` or \
            `idem_runtime::SqliteTransactions`, and derive `axum::extract::FromRef`"
)]
pub trait ProvidesTransactions<T>: Sized {
    /// The right to hand them out.
    #[doc(hidden)]
    fn transactions(&self) -> Transactions<T>;
}

#[diagnostic::do_not_recommend]
impl<T, S> ProvidesTransactions<T> for S
where
    Transactions<T>: FromRef<S>,
{
    fn transactions(&self) -> Transactions<T> {
        Transactions::from_ref(self)
    }
}

impl<T, S> FromRequestParts<S> for Transaction<T>
where
    T: Send + 'static,
    S: Send + Sync + ProvidesTransactions<T>,
{
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let idempotency = state.transactions().idempotency;
        match Execution::of_request(&mut parts.extensions).ask_for_transaction(idempotency.clone()) {
            Some(slot) => Ok(Self::new(slot)),
            None => {
                tracing::error!("a handler takes more than one transaction");
                Err(idempotency.face().render.render(&Refusal::new(RefusalCode::Misconfigured)))
            }
        }
    }
}
