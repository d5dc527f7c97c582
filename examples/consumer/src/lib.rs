//! A consumer that may be given a message twice, and books it once: the same for each broker.
//!
//! ```text
//! broker -> Message -> its account's lane -> Handler -> Books (effect and record in one commit) -> Verdict -> broker
//! ```
//!
//! What is a broker's own stands in a module of its name, and is little: how messages are read, and how a [`Verdict`] is
//! carried out. What becomes of a message is decided in [`decision`], for all of them.

#![forbid(unsafe_code)]

pub mod books;
pub mod decision;
pub mod handler;
pub mod intake;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod lanes;
pub mod message;
pub mod rabbitmq;
pub mod redis_streams;
pub mod stop;

pub use books::{Books, NotBooked, Receipt};
pub use decision::{Decision, Reason};
pub use handler::{Handler, Patience, Verdict};
pub use message::{Malformed, Message, Outgoing, Payment};
