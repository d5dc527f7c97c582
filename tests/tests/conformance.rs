//! The suite that judges a store, over the stores of this crate.
