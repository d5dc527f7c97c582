//! What stands in for the metrics where there are none (without the feature `metrics`): nothing.

use std::time::Duration;

use super::store_call::{CallResult, StoreCall};
use crate::engine::stats::Event;

#[derive(Debug)]
pub(crate) struct Meters;

impl Meters {
    pub(crate) const fn new(_: &'static str) -> Self {
        Self
    }

    pub(crate) const fn count(&self, _: Event) {}

    pub(crate) const fn claimed(&self, _: bool) {}

    pub(crate) const fn ended(&self) {}

    pub(crate) const fn bytes_recorded(&self, _: usize) {}

    pub(crate) const fn waits(&self) {}

    pub(crate) const fn waits_no_more(&self) {}
}

#[derive(Debug)]
pub(super) struct StoreMeters;

impl StoreMeters {
    pub(super) const fn new(_: &'static str) -> Self {
        Self
    }

    pub(super) const fn record(&self, _: StoreCall, _: CallResult, _: Duration) {}
}
