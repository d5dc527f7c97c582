//! The suites that judge a store, over every store of this crate and everything that can be put in front of one: plain,
//! with a cache, encrypted, and both. With processes of their own where they have any.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod memory;
mod postgres;
mod redis;
mod sqlite;
mod wrapped;

use std::time::Duration;

use idem_runtime::RecordKey;
use idem_runtime::conformance::{Damage, Harness, TransactionalHarness, check, check_transactions};

/// The suite over a store that this macro is given a harness for, in each of its dresses.
macro_rules! in_every_dress {
    ($check:ident, $attribute:meta, $harness:expr) => {
        #[$attribute]
        async fn plain() {
            crate::$check(&$harness).await;
        }
        #[$attribute]
        async fn with_a_cache() {
            crate::$check(&crate::wrapped::cached($harness)).await;
        }
        #[$attribute]
        async fn encrypted() {
            crate::$check(&crate::wrapped::encrypted($harness)).await;
        }
        #[$attribute]
        async fn with_a_cache_over_encryption() {
            crate::$check(&crate::wrapped::cached(crate::wrapped::encrypted($harness))).await;
        }
        #[$attribute]
        async fn encrypted_over_a_cache() {
            crate::$check(&crate::wrapped::encrypted(crate::wrapped::cached($harness))).await;
        }
    };
}
use in_every_dress;
