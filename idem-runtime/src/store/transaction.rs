//! Stores whose claim can be a transaction that the handler writes in.

use std::any::{Any, TypeId};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use super::{Claim, Holder, Outcome, OwnerToken, Record, Store, StoreError};

/// What a store says to [`TransactionalStore::begin`].
#[derive(Debug)]
pub enum Begun<T> {
    /// Nobody else holds the key, and nobody does until this transaction has ended.
    Open {
        /// The transaction, in which nothing has been written yet.
        transaction: T,
        /// How many owners there were so far, this one included: 1 for a fresh key.
        attempt: u32,
        /// Whether it holds the key by a claim with a lease, which ends with the transaction and has to be
        /// [renewed](Store::renew) until then.
        leased: bool,
    },
    /// Somebody else holds the key.
    InFlight {
        /// Whether they run the same request: whether their fingerprint is the one that was asked for.
        same_request: bool,
    },
    /// Somebody held a claim with a lease, which has ended without a record.
    Abandoned(Holder),
    /// It is finished.
    Completed(Record),
}

/// What becomes of what the handler wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writes {
    /// It is committed.
    Keep,
    /// It is undone; what is committed is the record alone.
    Discard,
}

/// What is written into the transaction before it is committed.
#[derive(Clone, Copy, Debug)]
pub struct Recording<'a> {
    /// What the transaction was begun for.
    pub claim: &'a Claim,
    /// What [`Begun::Open`] said.
    pub attempt: u32,
    /// How the request ended.
    pub outcome: &'a Outcome,
}

/// How a commit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Committed {
    /// Record and writes are stored, both.
    Yes,
    /// Neither is: nothing is left of the transaction.
    No,
}

/// A store whose claim can be a transaction: claim, the handler's writes and the record are stored together or not at
/// all.
///
/// A handler takes part by asking for a [`Transaction`](crate::Transaction). To make it known to the engine, a store
/// implements [`Store::transactional`] beside this.
///
/// # Rules
///
/// - From [`Begun::Open`] until that transaction has ended, nobody else gets `Open` for the same key, in any process; and
///   of it and a claim with a lease, at most one is recorded. Whoever asks meanwhile is told so **at once**: nobody waits for a lock.
/// - A transaction that is dropped is rolled back; one whose process died, or whose owner gives no sign of life for
///   `claim.lease`, is rolled back by the store.
/// - [`commit`](TransactionalStore::commit) stores a record only where there is none, and never without the writes that
///   belong to it.
/// - An entry that was left by a claim with a lease counts: a service may go from one way to the other.
pub trait TransactionalStore: Store {
    /// What the handler writes with.
    type Transaction: Send + 'static;

    /// Opens a transaction that holds the key, unless somebody else does or there is a record.
    ///
    /// A claim with a lease that `claim.owner` holds itself does not stand in the way, and neither does one that `from`
    /// holds if its lease has ended; the record replaces it.
    ///
    /// # Errors
    /// When the store cannot say. Nothing is held then, or it ends by itself.
    fn begin(
        &self,
        claim: &Claim,
        from: Option<OwnerToken>,
    ) -> impl Future<Output = Result<Begun<Self::Transaction>, StoreError>> + Send;

    /// Opens a transaction without a key, for a request that runs unprotected. It is rolled back when its owner gives no
    /// sign of life for `lease`.
    ///
    /// # Errors
    /// When the store cannot be reached.
    fn begin_unguarded(&self, lease: Duration) -> impl Future<Output = Result<Self::Transaction, StoreError>> + Send;

    /// Ends the transaction: with the record, if there is one, and with the writes or without them.
    ///
    /// # Errors
    /// When the store cannot say whether it was committed: ask [`was_committed`](TransactionalStore::was_committed).
    fn commit(
        &self,
        transaction: Self::Transaction,
        writes: Writes,
        recording: Option<Recording<'_>>,
    ) -> impl Future<Output = Result<Committed, StoreError>> + Send;

    /// Ends the transaction; nothing is left of it. What cannot be told to the store happens by itself, at the latest
    /// when `claim.lease` has passed.
    fn roll_back(&self, transaction: Self::Transaction) -> impl Future<Output = ()> + Send;

    /// Whether the transaction that was begun with this claim, and whose commit was not answered, was committed. It is
    /// over when this answers: what was not committed by then, never will be.
    ///
    /// # Errors
    /// When the store cannot say, or cannot say yet.
    fn was_committed(&self, claim: &Claim) -> impl Future<Output = Result<bool, StoreError>> + Send;
}

/// A [`TransactionalStore`] behind one type, whatever its transactions are: what [`Store::transactional`] gives.
#[derive(Clone, Copy)]
pub struct Transactional<'a>(pub(crate) &'a dyn ErasedTransactionalStore);

impl<'a> Transactional<'a> {
    /// The transactions of `store`.
    #[must_use]
    pub fn of<S: TransactionalStore>(store: &'a S) -> Self {
        Self(store)
    }
}

impl fmt::Debug for Transactional<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transactional(..)")
    }
}

/// An open transaction of whatever kind.
pub(crate) type AnyTransaction = Box<dyn Any + Send>;

pub(crate) type Call<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

pub(crate) trait ErasedTransactionalStore: Send + Sync {
    fn transaction_type(&self) -> TypeId;
    fn begin<'a>(
        &'a self,
        claim: &'a Claim,
        from: Option<OwnerToken>,
    ) -> Call<'a, Result<Begun<AnyTransaction>, StoreError>>;
    fn begin_unguarded(&self, lease: Duration) -> Call<'_, Result<AnyTransaction, StoreError>>;
    fn commit<'a>(
        &'a self,
        transaction: AnyTransaction,
        writes: Writes,
        recording: Option<Recording<'a>>,
    ) -> Call<'a, Result<Committed, StoreError>>;
    fn roll_back(&self, transaction: AnyTransaction) -> Call<'_, ()>;
    fn was_committed<'a>(&'a self, claim: &'a Claim) -> Call<'a, Result<bool, StoreError>>;
}

impl<S: TransactionalStore> ErasedTransactionalStore for S {
    fn transaction_type(&self) -> TypeId {
        TypeId::of::<S::Transaction>()
    }

    fn begin<'a>(
        &'a self,
        claim: &'a Claim,
        from: Option<OwnerToken>,
    ) -> Call<'a, Result<Begun<AnyTransaction>, StoreError>> {
        Box::pin(async move {
            Ok(match TransactionalStore::begin(self, claim, from).await? {
                Begun::Open { transaction, attempt, leased } => {
                    Begun::Open { transaction: Box::new(transaction) as AnyTransaction, attempt, leased }
                }
                Begun::InFlight { same_request } => Begun::InFlight { same_request },
                Begun::Abandoned(holder) => Begun::Abandoned(holder),
                Begun::Completed(record) => Begun::Completed(record),
            })
        })
    }

    fn begin_unguarded(&self, lease: Duration) -> Call<'_, Result<AnyTransaction, StoreError>> {
        Box::pin(async move { Ok(Box::new(TransactionalStore::begin_unguarded(self, lease).await?) as AnyTransaction) })
    }

    fn commit<'a>(
        &'a self,
        transaction: AnyTransaction,
        writes: Writes,
        recording: Option<Recording<'a>>,
    ) -> Call<'a, Result<Committed, StoreError>> {
        Box::pin(async move {
            match transaction.downcast::<S::Transaction>() {
                Ok(transaction) => TransactionalStore::commit(self, *transaction, writes, recording).await,
                // Another store's: it is dropped, and so rolled back.
                Err(_) => Ok(Committed::No),
            }
        })
    }

    fn roll_back(&self, transaction: AnyTransaction) -> Call<'_, ()> {
        Box::pin(async move {
            if let Ok(transaction) = transaction.downcast::<S::Transaction>() {
                TransactionalStore::roll_back(self, *transaction).await;
            }
        })
    }

    fn was_committed<'a>(&'a self, claim: &'a Claim) -> Call<'a, Result<bool, StoreError>> {
        Box::pin(TransactionalStore::was_committed(self, claim))
    }
}
