//! The OpenAPI document of an application: what it says of its idempotent handlers, and whether they keep to it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod answers;
mod document;
