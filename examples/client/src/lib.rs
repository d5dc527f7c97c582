//! What the client has to live with: a shop in a process of its own, and in front of it a server that loses what it is told to.

#![forbid(unsafe_code)]

pub mod front;
pub mod shop;
