//! Whole routers behind a layer: what it guards, and what it leaves to annotations nearer to the handlers.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod composing;
mod guarding;
mod options;
mod routers;
