//! What somebody does who runs an application: turn the guard off, set the rules of the house, start and stop it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bypass;
mod defaults;
mod readiness;
mod shutdown;
