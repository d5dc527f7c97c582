//! What was really charged: the effect that must not happen twice.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::Serialize;

/// One charge.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Payment {
    /// Its number, from 1.
    pub(crate) id: u64,
    /// What it was for.
    pub(crate) order: String,
    /// In the currency's smallest unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) amount: Option<NonZeroU64>,
    /// Which attempt of its request made it.
    pub(crate) attempt: u32,
}

/// The simulated provider, and what it has charged.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    payments: Arc<Mutex<Vec<Payment>>>,
    delay: Duration,
}

impl Ledger {
    /// Nothing charged yet; each charge takes `delay`.
    pub(crate) fn new(delay: Duration) -> Self {
        Self { payments: Arc::default(), delay }
    }

    /// Charges, and takes its time.
    pub(crate) async fn charge(&self, order: String, amount: Option<NonZeroU64>, attempt: u32) -> Payment {
        tokio::time::sleep(self.delay).await;
        let mut payments = self.payments.lock();
        let payment = Payment { id: payments.len() as u64 + 1, order, amount, attempt };
        payments.push(payment.clone());
        payment
    }

    /// All charges.
    pub(crate) fn all(&self) -> Vec<Payment> {
        self.payments.lock().clone()
    }

    /// One charge.
    pub(crate) fn find(&self, id: u64) -> Option<Payment> {
        self.payments.lock().iter().find(|payment| payment.id == id).cloned()
    }
}
