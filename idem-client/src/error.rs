//! What goes wrong with a request as a whole.

use crate::{IllegalKey, Outcome};

/// Why a request has no answer, or was not sent.
///
/// It arrives within a [`reqwest_middleware::Error`]:
///
/// ```
/// # async fn example(client: idem_client::reqwest_middleware::ClientWithMiddleware) {
/// use idem_client::Error;
///
/// if let Err(error) = client.post("https://shop.example/v1/payments").body("12.50").send().await {
///     match Error::of(&error) {
///         // Perhaps it was done: later, the same request under the same key will tell.
///         Some(Error::NoAnswer { outcome, .. }) => keep(outcome.key()),
///         Some(error) => println!("nothing was sent: {error}"),
///         None => println!("of another middleware: {error}"),
///     }
/// }
/// # }
/// # fn keep(_: Option<&idem_client::Key>) {}
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The body is a stream. Nothing was sent, because a second try would have had other bytes, or none.
    #[error("the request's body is a stream and cannot be sent again: give it as bytes; nothing was sent")]
    BodyNotRepeatable,
    /// The key is none. Nothing was sent.
    #[error("{0}; nothing was sent")]
    IllegalKey(#[from] IllegalKey),
    /// The request has two keys: two headers, or a header and an extension that say different things. Nothing was sent.
    #[error("the request has two idempotency keys; nothing was sent")]
    TwoKeys,
    /// The last try had no answer either. Whether an earlier one took effect is not known: send the same request again later, with
    /// the same key, [`Outcome::key`].
    #[error("no answer after {} {}", outcome.attempts, if outcome.attempts == 1 { "try" } else { "tries" })]
    NoAnswer {
        /// The tries that were made.
        outcome: Outcome,
        /// What became of the last one.
        source: Unanswered,
    },
}

/// Why one try had no answer.
///
/// ```
/// # fn example(why: &idem_client::Unanswered) {
/// match why {
///     idem_client::Unanswered::TimedOut => println!("it took too long"),
///     idem_client::Unanswered::Broken(error) if error.is_connect() => println!("nobody is there"),
///     other => println!("{other}"),
/// }
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unanswered {
    /// It took longer than one try, or all of them together, may take.
    #[error("the server did not answer in time")]
    TimedOut,
    /// The connection could not be made, or broke.
    #[error("the connection failed")]
    Broken(#[source] reqwest::Error),
}

impl Error {
    /// Of an error that came out of a client with a [`Retry`](crate::Retry), if it is one of ours.
    ///
    /// ```
    /// # fn example(error: &idem_client::reqwest_middleware::Error) {
    /// let was_sent = matches!(idem_client::Error::of(error), Some(idem_client::Error::NoAnswer { .. }));
    /// # }
    /// ```
    #[must_use]
    pub fn of(error: &reqwest_middleware::Error) -> Option<&Self> {
        match error {
            reqwest_middleware::Error::Middleware(error) => error.downcast_ref(),
            reqwest_middleware::Error::Reqwest(_) => None,
        }
    }
}
