//! What the caller can see of the tries.

use std::time::Duration;

use crate::Key;

/// How an answer was come by: an extension of every response.
///
/// ```
/// # async fn example(client: idem_client::reqwest_middleware::ClientWithMiddleware) -> Result<(), Box<dyn std::error::Error>> {
/// use idem_client::Outcome;
///
/// let response = client.post("https://shop.example/v1/payments").body("12.50").send().await?;
/// if let Some(outcome) = Outcome::of(&response) {
///     println!("{} after {} tries, replayed: {}", response.status(), outcome.attempts(), outcome.is_replay());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Outcome {
    pub(crate) attempts: u32,
    pub(crate) waited: Duration,
    pub(crate) is_replay: bool,
    pub(crate) stopped: Stopped,
    pub(crate) key: Option<Key>,
}

/// Why there was no other try.
///
/// ```
/// # fn example(outcome: &idem_client::Outcome) {
/// use idem_client::Stopped;
///
/// if outcome.stopped() == Stopped::AttemptsSpent {
///     println!("a later retry, with the same key, may still succeed");
/// }
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stopped {
    /// This is the answer: another try would not have changed it.
    Final,
    /// As many tries were made as are allowed.
    AttemptsSpent,
    /// The next try would have begun after the total time.
    TimeSpent,
    /// The server said, with `Retry-After`, to come at a time past what this client is willing to wait. It was not asked sooner.
    ToldToWaitTooLong,
    /// The request could not be made again safely: a `POST` or `PATCH` without a key, or a method that is not known to be idempotent.
    NotRepeatable,
}

impl Outcome {
    /// Of a response that came through a [`Retry`](crate::Retry).
    ///
    /// ```
    /// # fn example(response: &idem_client::reqwest::Response) {
    /// let tries = idem_client::Outcome::of(response).map(|outcome| outcome.attempts());
    /// # }
    /// ```
    #[must_use]
    pub fn of(response: &reqwest::Response) -> Option<&Self> {
        response.extensions().get()
    }

    /// How many times the request was sent, or begun to be sent; 1 if the first answer was the last.
    ///
    /// ```
    /// # fn example(outcome: &idem_client::Outcome) {
    /// let retries = outcome.attempts() - 1;
    /// # }
    /// ```
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// How long was waited between tries, all in all.
    ///
    /// ```
    /// # fn example(outcome: &idem_client::Outcome) {
    /// println!("{} ms", outcome.waited().as_millis());
    /// # }
    /// ```
    #[must_use]
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// Whether the server says that it recorded this answer earlier: `Idempotency-Replayed: true`, or Stripe's
    /// `Idempotent-Replayed: true`. An earlier try took effect, and its answer was lost.
    ///
    /// ```
    /// # fn example(outcome: &idem_client::Outcome) {
    /// let is_ours_alone = !outcome.is_replay();
    /// # }
    /// ```
    #[must_use]
    pub fn is_replay(&self) -> bool {
        self.is_replay
    }

    /// Why there was no other try.
    ///
    /// ```
    /// # fn example(outcome: &idem_client::Outcome) {
    /// let is_certain = outcome.stopped() == idem_client::Stopped::Final;
    /// # }
    /// ```
    #[must_use]
    pub fn stopped(&self) -> Stopped {
        self.stopped
    }

    /// The key that was sent; keep it if the request is to be sent again later.
    ///
    /// ```
    /// # fn example(outcome: &idem_client::Outcome) {
    /// let to_be_kept = outcome.key().map(|key| key.as_str());
    /// # }
    /// ```
    #[must_use]
    pub fn key(&self) -> Option<&Key> {
        self.key.as_ref()
    }
}
