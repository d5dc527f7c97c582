//! The page of the example of payments, in a real browser, as people use it: with a mouse, with a keyboard, with a screen
//! reader, in the dark, on a small screen.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod faults;
mod for_everybody;
mod server;
mod visit;
