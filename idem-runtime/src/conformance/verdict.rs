//! How a case says that it failed.

use std::fmt;

use crate::store::StoreError;

/// How a case ended.
pub type Verdict = Result<(), Failure>;

/// What a store did that it should not have done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure(String);

impl Failure {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let below = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
        Self(format!("unexpected error: {error}{below}"))
    }
}

/// Fails unless both are the same.
pub(super) fn same<T: PartialEq + fmt::Debug>(what: &str, found: T, expected: T) -> Verdict {
    if found == expected {
        return Ok(());
    }
    Err(Failure(format!("{what}: expected {expected:?}, found {found:?}")))
}

/// Fails unless `found` is what it should be.
pub(super) fn holds(what: &str, found: impl fmt::Debug, is_right: bool) -> Verdict {
    if is_right { Ok(()) } else { Err(Failure(format!("{what}: found {found:?}"))) }
}
