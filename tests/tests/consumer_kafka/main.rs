//! The example's consumer with Kafka: its processes, over TCP, and librdkafka's own mock of a cluster.
//!
//! What the mock is like: it forms groups as a broker does, but gives every one three seconds to gather at first, and later
//! the session's timeout less a second. Shorter sessions than those three seconds end before their group has begun. While members join, it
//! refuses commits, which a broker takes: what is done is then delivered again.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::print_stderr, reason = "what a failure is understood by")]

mod broker;
mod deliveries;
mod faults;
mod kills;
mod messages;
mod process;
mod steps;
