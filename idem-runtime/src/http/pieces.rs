//! Single pieces of a guarded request, for a program that counts the instructions of each. Not for anybody else: it changes
//! without notice.

use axum::response::Response;
use bytes::Bytes;
use http::response::Parts;
use http::{HeaderName, HeaderValue};

use super::{key_header, message};
use crate::digest::{Digester, Fingerprint, RecordKey};
use crate::engine::settled::Settled;
use crate::store::{Outcome, StoreError};

/// The key in a header's value.
pub fn key(value: &HeaderValue) -> Result<impl Sized, String> {
    key_header::read(value.clone())
}

/// The digests of one application.
#[derive(Clone, Debug)]
pub struct Digests(Digester);

impl Digests {
    /// Without a secret.
    #[must_use]
    pub fn new() -> Self {
        Self(Digester::new(b""))
    }

    /// What a record is stored under.
    #[must_use]
    pub fn record_key(&self, operation: &[&str], scope: Option<&str>, key: &str) -> RecordKey {
        self.0.record_key(operation, scope, key)
    }

    /// What has to be the same for a retry.
    #[must_use]
    pub fn fingerprint(&self, key: RecordKey, target: &[&str], content: &[u8]) -> Fingerprint {
        self.0.fingerprint(key, target, content)
    }
}

impl Default for Digests {
    fn default() -> Self {
        Self::new()
    }
}

/// What is recorded of a response.
pub fn encode(parts: &Parts, body: Bytes) -> Option<Outcome> {
    message::encode(parts, body, &HeaderName::from_static("idempotency-replayed"))
}

/// The response of a record.
///
/// # Errors
/// When it is no record of a response.
pub fn decode(outcome: &Outcome) -> Result<Response, StoreError> {
    match Settled::decode(outcome.clone())? {
        Settled::Kept { head, body } => message::decode(&head, body),
        Settled::NotKept | Settled::Unknown => Err(StoreError::corrupt("there is no response")),
    }
}
