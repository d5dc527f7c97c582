//! One call of a job: which one it is, and what has to be the same when it is made again.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::{Job, JobRefusal};
use crate::digest::OperationName;
use crate::engine::Call;
use crate::http::content;
use crate::http::execution::Execution;
use crate::http::key_text::KeyText;
use crate::http::key_value::KeyValue;
use crate::{Idempotency, Transaction};

/// One call of a [`Job`], as [`Job::key`] makes it; [`Idempotency::run`] runs it.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use idem_runtime::Job;
///
/// const SHIP: Job = Job::new("ship", Duration::from_secs(24 * 3600));
///
/// let (tenant, order, lamps) = ("acme", 7, 2);
/// let call = SHIP.key(order).scope(tenant).fingerprint(&lamps);
/// # drop(call);
/// ```
#[must_use = "a call does nothing until `Idempotency::run` runs it"]
pub struct JobCall {
    job: Job,
    key: Option<String>,
    scope: Scope,
    content: Option<Result<Vec<u8>, serde_json::Error>>,
    execution: Execution,
}

enum Scope {
    Everybody,
    Of(Option<String>),
}

impl JobCall {
    pub(super) fn new(job: Job, key: Option<String>) -> Self {
        Self { job, key, scope: Scope::Everybody, content: None, execution: Execution::new() }
    }

    /// Whose key it is: the same key under two scopes is two keys. A scope that is not there (`None`) or empty is
    /// refused when the call is run, and never shared.
    pub fn scope(mut self, scope: impl KeyValue) -> Self {
        self.scope = Scope::Of(scope.key_text());
        self
    }

    /// What has to be the same for a call to count as the same: the message, say. The key with anything else is refused
    /// as [`JobRefusal::KeyReused`]. By default nothing is compared.
    ///
    /// Only a digest of it is stored. The order of a map's entries does not matter.
    pub fn fingerprint(mut self, value: &(impl Serialize + ?Sized)) -> Self {
        self.content = Some(content::of_value(value));
        self
    }

    /// What the work can know about its own execution: its attempt, keys for calls that it makes itself, and whether its
    /// claim still holds. It is known once the work runs.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use idem_runtime::{Idempotency, Job, JobError, MemoryStore};
    ///
    /// const CHARGE: Job = Job::new("charge", Duration::from_secs(24 * 3600));
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), JobError<std::convert::Infallible>> {
    /// let idempotency = Idempotency::new(MemoryStore::new());
    /// let call = CHARGE.key("message-1");
    /// let execution = call.execution();
    /// let work = async move { Ok(execution.derive_key("charge")) };
    /// let provider_key = idempotency.run(call, work).await?;
    /// assert_eq!(provider_key.as_deref().map(str::len), Some(32));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn execution(&self) -> Execution {
        self.execution.clone()
    }

    pub(super) const fn operation(&self) -> &'static str {
        self.job.operation
    }

    pub(super) fn max_result(&self, idempotency: &Idempotency) -> usize {
        self.job.max_result.unwrap_or(idempotency.defaults().of_max_response())
    }

    pub(super) fn lease(&self, idempotency: &Idempotency) -> Duration {
        self.job.policy(idempotency.defaults()).lease
    }

    /// The record's own transaction, for work that writes in it.
    pub(super) fn transaction<T: Send + 'static>(&self, idempotency: &Idempotency) -> Transaction<T> {
        match self.execution.ask_for_transaction(idempotency.clone()) {
            Some(slot) => Transaction::new(slot),
            None => unreachable!("a call asks for its transaction once"),
        }
    }

    /// What the engine is asked for.
    pub(super) fn identify(self, idempotency: &Idempotency) -> Result<Call, JobRefusal> {
        let Self { job, key, scope, content, execution } = self;
        let key = match key {
            Some(key) if key.is_empty() => return Err(JobRefusal::InvalidKey),
            Some(key) => key,
            None => return Err(JobRefusal::MissingKey),
        };
        let scope = match scope {
            Scope::Everybody => None,
            Scope::Of(Some(scope)) if !scope.is_empty() => Some(scope),
            Scope::Of(_) => return Err(JobRefusal::MissingScope),
        };
        let content = content.transpose().map_err(JobRefusal::Misconfigured)?;
        let digester = idempotency.digester();
        let record = digester.key_of(OperationName::Job(job.operation), scope.as_deref(), &key);
        let fingerprint = digester.fingerprint(record, &["job"], content.as_deref().unwrap_or_default());
        let policy = job.policy(idempotency.defaults());
        Ok(execution.call(KeyText::from(key), idempotency.clone(), record, fingerprint, policy))
    }
}

/// Shows neither key, scope nor content.
impl fmt::Debug for JobCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobCall").field("job", &self.job).finish_non_exhaustive()
    }
}
