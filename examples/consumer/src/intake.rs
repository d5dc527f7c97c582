//! Whether new messages are taken in.

use tokio::sync::watch;

/// Closed while the store is away, so that a consumer which can do nothing takes no messages from others that could.
#[derive(Clone, Debug)]
pub struct Intake(watch::Sender<bool>);

impl Default for Intake {
    fn default() -> Self {
        Self(watch::Sender::new(true))
    }
}

impl Intake {
    /// Says that the store is away.
    pub fn close(&self) {
        if self.0.send_replace(false) {
            tracing::warn!("the store is away: no new messages are taken in");
        }
    }

    /// Says that it answers.
    pub fn open(&self) {
        if !*self.0.borrow() && !self.0.send_replace(true) {
            tracing::info!("the store answers: messages are taken in again");
        }
    }

    /// Whether messages may be taken in.
    #[must_use]
    pub fn is_open(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until messages may be taken in.
    pub async fn opened(&self) {
        // The sender is held here, so that it cannot be gone.
        let _ = self.0.subscribe().wait_for(|open| *open).await;
    }
}
