//! What somebody does who runs an application: turn the guard off, set the rules of the house, start and stop it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bypass;
mod command;
mod defaults;
mod finding;
mod readiness;
mod shutdown;
