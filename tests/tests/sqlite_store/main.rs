//! The SQLite store, on real files: and what stands in the way of opening them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod full_disk;
mod no_room;
mod opening;
mod read_only;
mod storm;
mod writing;
