//! The SQLite store, on real files: judged by the suite, shared by several stores as by several processes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
