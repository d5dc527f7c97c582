//! What is wrong with a layer's options.

use std::fmt;

/// Everything that is wrong with the options of an [`IdempotencyLayerBuilder`](super::IdempotencyLayerBuilder).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use idem_runtime::{Idempotency, MemoryStore};
///
/// let idempotency = Idempotency::new(MemoryStore::new());
/// let error = idempotency.layer(Duration::ZERO).key_header("My Key").build().unwrap_err();
/// assert_eq!(error.mistakes().len(), 2);
/// assert_eq!(error.mistakes()[0].option(), "ttl");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerError {
    mistakes: Vec<LayerMistake>,
}

impl LayerError {
    pub(super) fn of(mistakes: Vec<LayerMistake>) -> Self {
        Self { mistakes }
    }

    /// One for each mistake, in the order of the options.
    #[must_use]
    pub fn mistakes(&self) -> &[LayerMistake] {
        &self.mistakes
    }
}

impl fmt::Display for LayerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the idempotency layer cannot be built: ")?;
        for (index, mistake) in self.mistakes.iter().enumerate() {
            write!(f, "{}{mistake}", if index > 0 { "; " } else { "" })?;
        }
        Ok(())
    }
}

impl std::error::Error for LayerError {}

/// One option whose value is wrong. Printed, it says why, and what to write instead.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use idem_runtime::{Idempotency, MemoryStore};
///
/// let layer = Idempotency::new(MemoryStore::new()).layer(Duration::from_secs(3600)).key_header("Cookie");
/// let error = layer.build().unwrap_err();
/// let [mistake] = error.mistakes() else { unreachable!() };
/// assert_eq!(mistake.option(), "key_header");
/// assert!(mistake.to_string().ends_with(r#"write `key_header("Idempotency-Key")`"#));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerMistake {
    option: &'static str,
    problem: String,
    write: String,
}

impl LayerMistake {
    pub(super) fn new(option: &'static str, problem: impl Into<String>, write: impl Into<String>) -> Self {
        Self { option, problem: problem.into(), write: write.into() }
    }

    /// The option, by the name of the builder's method.
    #[must_use]
    pub const fn option(&self) -> &'static str {
        self.option
    }
}

impl fmt::Display for LayerMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}, write `{}`", self.option, self.problem, self.write)
    }
}
