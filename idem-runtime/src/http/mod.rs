//! The HTTP face: from a request to a call of the engine, and from its answer to a response. Knows nothing of any store.
//!
//! ```text
//! Guarded (extract, buffer) -> key, scope, content -> engine -> recording / message -> response, or refusal
//! ```

use http::HeaderName;

mod call;
pub(crate) mod content;
pub(crate) mod cors;
#[cfg(feature = "preconditions")]
pub mod created;
pub mod execution;
#[doc(hidden)]
pub mod guarded;
mod identify;
mod key;
mod key_header;
pub(crate) mod key_text;
pub mod key_value;
pub mod layer;
pub(crate) mod message;
#[cfg(feature = "_pieces")]
#[doc(hidden)]
pub mod pieces;
#[cfg(feature = "preconditions")]
pub mod precondition;
mod recording;
pub mod refusal;
#[doc(hidden)]
pub mod route;
#[doc(hidden)]
pub mod run;
#[cfg(test)]
mod run_tests;
#[doc(hidden)]
pub mod state;
pub mod transaction;
#[doc(hidden)]
pub mod wanted;

pub use state::RouterStateProvidesIdempotency;

/// How the face looks: the same for all routes of an application.
pub(crate) struct Face {
    pub(crate) replayed_header: HeaderName,
    pub(crate) render: refusal::Renderer,
}

impl Default for Face {
    fn default() -> Self {
        Self { replayed_header: HeaderName::from_static("idempotency-replayed"), render: refusal::Renderer::default() }
    }
}
