//! What a handler can know about its own execution.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Poll;

use axum::extract::FromRequestParts;
use axum::response::Response;
use http::Extensions;
use http::request::Parts;
use parking_lot::Mutex;

use super::key_text::KeyText;
use crate::Idempotency;
use crate::digest::{Fingerprint, RecordKey};
use crate::engine::progress::Progress;
use crate::engine::transaction::Slot;
use crate::engine::{Call, Finished, Policy};

/// An extractor: the key under which the handler runs, how many owners there have been, and whether the claim still
/// holds.
///
/// It can stand anywhere among the arguments. What it says is known once the handler's body runs.
///
/// # Examples
///
/// A key for the provider that the handler calls, the same on every attempt, so that the provider can tell a repeat:
///
/// ```
/// use idem_runtime::{Execution, idempotent};
///
/// #[idempotent(ttl = "1h")]
/// async fn pay(execution: Execution) -> String {
///     let provider_key = execution.derive_key("charge");
///     format!("attempt {}, provider key {provider_key:?}", execution.attempt())
/// }
/// ```
#[derive(Clone)]
pub struct Execution {
    shared: Arc<Progress<Beside>>,
}

#[derive(Default)]
struct Beside {
    /// Set once the key is known, with what makes digests of it.
    key: OnceLock<(KeyText, Idempotency)>,
    /// The same of a layer that guards the request, until it stands aside.
    of_layer: Mutex<Option<Box<(KeyText, Idempotency)>>>,
    /// Set by an extractor that wants the record's own transaction: of which store, and where it expects it.
    transaction: OnceLock<(Idempotency, Arc<Slot>)>,
    work: Mutex<Demand>,
    /// A handler's guard works with it.
    is_in_use: AtomicBool,
}

/// A handler's body, and what is recorded of its answer, with its type erased: everything behind it is compiled once and
/// not once per handler, which is worth more than the one allocation.
pub(super) type Work = Pin<Box<dyn Future<Output = Finished<Response>> + Send>>;

/// The work of a request, which is asked for when it is to run: for a replay, it is never made.
#[derive(Default)]
enum Demand {
    #[default]
    NotYet,
    Asked,
    Given(Work),
}

impl Execution {
    pub(crate) fn new() -> Self {
        Self { shared: Arc::new(Progress::new(Beside::default())) }
    }

    /// The one that a leading extractor has already taken.
    pub(super) fn taken(extensions: &Extensions) -> Option<Self> {
        extensions.get::<Self>().filter(|execution| execution.shared.beside().key.get().is_none()).cloned()
    }

    /// The one that a leading extractor has already taken, or a fresh one.
    pub(super) fn of_request(extensions: &mut Extensions) -> Self {
        Self::taken(extensions).unwrap_or_else(|| {
            let execution = Self::new();
            extensions.insert(execution.clone());
            execution
        })
    }

    /// Whether no other handler's guard works with it. Requests that a handler makes of its own may carry its extensions, and
    /// several of them the same execution: the first has it, and each other one its own.
    pub(super) fn is_mine(&self) -> bool {
        !self.shared.beside().is_in_use.swap(true, Ordering::AcqRel)
    }

    /// What is known of a request whose record is given again.
    pub(super) fn know(&self, text: KeyText, idempotency: Idempotency) {
        // Once: a request that is guarded anew has an execution of its own.
        let _ = self.shared.beside().key.set((text, idempotency));
    }

    /// The work, from whoever polls this request, or from whoever has left it: both look whether it is asked for.
    pub(super) async fn work(&self) -> Work {
        poll_fn(|_| {
            let mut demand = self.shared.beside().work.lock();
            match std::mem::take(&mut *demand) {
                Demand::Given(work) => Poll::Ready(work),
                Demand::NotYet | Demand::Asked => {
                    *demand = Demand::Asked;
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Lets go of work that was given and is not to run, when what is returned is dropped: it may hold this execution.
    pub(super) const fn asking(&self) -> Asking<'_> {
        Asking(self)
    }

    pub(super) fn asks_for_work(&self) -> bool {
        matches!(*self.shared.beside().work.lock(), Demand::Asked)
    }

    pub(super) fn give_work(&self, work: Work) {
        *self.shared.beside().work.lock() = Demand::Given(work);
    }

    /// The call that runs under this execution, which knows the text of its key from here on.
    pub(crate) fn call(
        &self,
        text: KeyText,
        idempotency: Idempotency,
        key: RecordKey,
        fingerprint: Fingerprint,
        policy: Policy,
    ) -> Call {
        self.know(text, idempotency);
        let progress = self.progress();
        let transaction = self.transaction().map(|(_, slot)| Arc::clone(slot));
        Call { key, fingerprint, policy, progress, transaction }
    }

    /// The call of a layer, which can be given back: a handler that has this execution in hand already may turn out to guard
    /// itself.
    pub(super) fn call_of_layer(
        &self,
        text: KeyText,
        idempotency: Idempotency,
        key: RecordKey,
        fingerprint: Fingerprint,
        policy: Policy,
    ) -> Call {
        *self.shared.beside().of_layer.lock() = Some(Box::new((text, idempotency)));
        Call { key, fingerprint, policy, progress: self.progress(), transaction: None }
    }

    /// Forgets the call of a layer, whose claim was given back: another one is to run under this execution.
    pub(super) fn give_back(&self) {
        *self.shared.beside().of_layer.lock() = None;
        self.shared.give_back();
    }

    /// Where the transaction will be; `None` if one was asked for before.
    pub(crate) fn ask_for_transaction(&self, idempotency: Idempotency) -> Option<Arc<Slot>> {
        let slot = Arc::<Slot>::default();
        self.shared.beside().transaction.set((idempotency, Arc::clone(&slot))).ok().map(|()| slot)
    }

    pub(crate) fn transaction(&self) -> Option<&(Idempotency, Arc<Slot>)> {
        self.shared.beside().transaction.get()
    }

    /// What guards the request, once that is known, and whether the request has a key.
    pub(super) fn guard(&self) -> Option<(&Idempotency, bool)> {
        let beside = self.shared.beside();
        let by_key = beside.key.get().map(|(_, idempotency)| (idempotency, true));
        by_key.or_else(|| beside.transaction.get().map(|(idempotency, _)| (idempotency, false)))
    }

    fn with_key<T>(&self, look: impl FnOnce(&KeyText, &Idempotency) -> T) -> Option<T> {
        let beside = self.shared.beside();
        match beside.key.get() {
            Some((key, idempotency)) => Some(look(key, idempotency)),
            None => beside.of_layer.lock().as_deref().map(|(key, idempotency)| look(key, idempotency)),
        }
    }

    pub(crate) fn progress(&self) -> Arc<Progress> {
        Arc::<Progress<Beside>>::clone(&self.shared)
    }

    /// The idempotency key as the client sent it (unquoted), or `None` if the request runs unprotected. It may be
    /// guessable and should not be logged.
    #[must_use]
    pub fn key(&self) -> Option<String> {
        self.with_key(|key, _| key.as_str().to_owned())
    }

    /// How many owners there have been, this one included: 1 unless an earlier owner died. 1 as well for a request that
    /// runs unprotected.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.shared.held().map_or(1, |held| held.attempt)
    }

    /// A key for a call that the handler makes itself: 32 hexadecimal digits, the same for every attempt of this
    /// request, and another one for every `purpose`. `None` if the request runs unprotected.
    #[must_use]
    pub fn derive_key(&self, purpose: &str) -> Option<String> {
        let held = self.shared.held()?;
        self.with_key(|_, idempotency| idempotency.digester().derived_key(held.record, purpose))
    }

    /// Whether the claim is lost: another owner may be running the same request. Nothing that this handler answers will
    /// be given to a client. Not a fence: the claim can be lost between this look and the next effect.
    #[must_use]
    pub fn is_claim_lost(&self) -> bool {
        self.shared.is_lost()
    }

    /// Ends when the claim is lost; for a `tokio::select!` round effects that had better be given up then.
    pub async fn claim_lost(&self) {
        self.shared.lost().await;
    }
}

pub(super) struct Asking<'a>(&'a Execution);

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        let left = std::mem::take(&mut *self.0.shared.beside().work.lock());
        // Not under the lock: it is the user's.
        drop(left);
    }
}

impl fmt::Debug for Execution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Execution").field("attempt", &self.attempt()).finish_non_exhaustive()
    }
}

impl<S: Sync> FromRequestParts<S> for Execution {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of_request(&mut parts.extensions))
    }
}
