//! What a handler can know about its own execution.

use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, OnceLock};

use axum::extract::FromRequestParts;
use http::request::Parts;
use parking_lot::Mutex;

use super::layer::Mark;
use crate::Idempotency;
use crate::digest::{Digester, Fingerprint, RecordKey};
use crate::engine::progress::Progress;
use crate::engine::transaction::Slot;
use crate::engine::{Call, Policy};

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
    shared: Arc<Shared>,
}

struct Shared {
    progress: Arc<Progress>,
    key: Mutex<Option<(String, Digester)>>,
    /// Set by an extractor that wants the record's own transaction: of which store, and where it expects it.
    transaction: OnceLock<(Idempotency, Arc<Slot>)>,
}

impl Execution {
    pub(crate) fn new() -> Self {
        Self {
            shared: Arc::new(Shared {
                progress: Arc::new(Progress::new()),
                key: Mutex::new(None),
                transaction: OnceLock::new(),
            }),
        }
    }

    /// The one that a leading extractor has already taken, or a fresh one.
    pub(super) fn of_request(parts: &mut Parts) -> Self {
        if let Some(execution) = parts.extensions.get::<Self>()
            && execution.shared.key.lock().is_none()
        {
            return execution.clone();
        }
        let execution = Self::new();
        parts.extensions.insert(execution.clone());
        execution
    }

    /// Of whatever guards the request that `parts` are of: a layer, or the handler's own annotation.
    pub(super) fn in_request(parts: &mut Parts) -> Self {
        match parts.extensions.get::<Mark>().and_then(Mark::execution) {
            Some(execution) => execution.clone(),
            None => Self::of_request(parts),
        }
    }

    /// Forgets a call whose claim was given back, so that another can run under this execution: a handler may have it in
    /// hand already.
    pub(super) fn give_back(&self) {
        *self.shared.key.lock() = None;
        self.shared.progress.give_back();
    }

    /// The call that runs under this execution, which knows the text of its key from here on.
    pub(crate) fn call(
        &self,
        text: String,
        digester: &Digester,
        key: RecordKey,
        fingerprint: Fingerprint,
        policy: Policy,
    ) -> Call {
        *self.shared.key.lock() = Some((text, digester.clone()));
        let progress = Arc::clone(self.progress());
        let transaction = self.transaction().map(|(_, slot)| Arc::clone(slot));
        Call { key, fingerprint, policy, progress, transaction }
    }

    /// Where the transaction will be; `None` if one was asked for before.
    pub(crate) fn ask_for_transaction(&self, idempotency: Idempotency) -> Option<Arc<Slot>> {
        let slot = Arc::<Slot>::default();
        self.shared.transaction.set((idempotency, Arc::clone(&slot))).ok().map(|()| slot)
    }

    pub(super) fn transaction(&self) -> Option<&(Idempotency, Arc<Slot>)> {
        self.shared.transaction.get()
    }

    pub(super) fn progress(&self) -> &Arc<Progress> {
        &self.shared.progress
    }

    /// The idempotency key as the client sent it (unquoted), or `None` if the request runs unprotected. It may be
    /// guessable and should not be logged.
    #[must_use]
    pub fn key(&self) -> Option<String> {
        self.shared.key.lock().as_ref().map(|(key, _)| key.clone())
    }

    /// How many owners there have been, this one included: 1 unless an earlier owner died. 1 as well for a request that
    /// runs unprotected.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.shared.progress.held().map_or(1, |held| held.attempt)
    }

    /// A key for a call that the handler makes itself: 32 hexadecimal digits, the same for every attempt of this
    /// request, and another one for every `purpose`. `None` if the request runs unprotected.
    #[must_use]
    pub fn derive_key(&self, purpose: &str) -> Option<String> {
        let held = self.shared.progress.held()?;
        let key = self.shared.key.lock();
        key.as_ref().map(|(_, digester)| digester.derived_key(held.record, purpose))
    }

    /// Whether the claim is lost: another owner may be running the same request. Nothing that this handler answers will
    /// be given to a client. Not a fence: the claim can be lost between this look and the next effect.
    #[must_use]
    pub fn is_claim_lost(&self) -> bool {
        self.shared.progress.is_lost()
    }

    /// Ends when the claim is lost; for a `tokio::select!` round effects that had better be given up then.
    pub async fn claim_lost(&self) {
        self.shared.progress.lost().await;
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
        Ok(Self::in_request(parts))
    }
}
