//! One try, told of as it ends.

use std::time::Duration;

use http::{Method, StatusCode};
use reqwest::Url;

use crate::{Stopped, Unanswered};

/// One try that has ended, for [`RetryBuilder::on_try`](crate::RetryBuilder::on_try).
///
/// ```
/// use idem_client::{Retry, Try};
///
/// fn tell(it: &Try<'_>) {
///     match (it.status(), it.next_in()) {
///         (Some(status), None) => println!("{status}, after {} tries", it.number()),
///         (what, Some(delay)) => println!("{what:?}, again in {delay:?}"),
///         (None, None) => println!("given up: {:?}", it.failure()),
///     }
/// }
/// let retry = Retry::builder().on_try(tell).build();
/// ```
#[derive(Debug)]
pub struct Try<'a> {
    pub(crate) number: u32,
    pub(crate) method: &'a Method,
    pub(crate) url: &'a Url,
    pub(crate) result: Result<StatusCode, &'a Unanswered>,
    pub(crate) next: Result<Duration, Stopped>,
}

impl Try<'_> {
    /// 1 for the first.
    ///
    /// ```
    /// # fn example(it: &idem_client::Try<'_>) {
    /// let is_retry = it.number() > 1;
    /// # }
    /// ```
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The request's method.
    ///
    /// ```
    /// # fn example(it: &idem_client::Try<'_>) {
    /// println!("{}", it.method());
    /// # }
    /// ```
    #[must_use]
    pub fn method(&self) -> &Method {
        self.method
    }

    /// Where it was sent.
    ///
    /// ```
    /// # fn example(it: &idem_client::Try<'_>) {
    /// println!("{}", it.url().path());
    /// # }
    /// ```
    #[must_use]
    pub fn url(&self) -> &Url {
        self.url
    }

    /// The status of the answer, if there was one.
    ///
    /// ```
    /// # fn example(it: &idem_client::Try<'_>) {
    /// let was_answered = it.status().is_some();
    /// # }
    /// ```
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.result.ok()
    }

    /// Why there was none.
    ///
    /// ```
    /// # fn example(it: &idem_client::Try<'_>) {
    /// let took_too_long = matches!(it.failure(), Some(idem_client::Unanswered::TimedOut));
    /// # }
    /// ```
    #[must_use]
    pub fn failure(&self) -> Option<&Unanswered> {
        self.result.err()
    }

    /// When the next try begins; `None` if there is none.
    ///
    /// ```
    /// # fn example(it: &idem_client::Try<'_>) {
    /// let is_last = it.next_in().is_none();
    /// # }
    /// ```
    #[must_use]
    pub fn next_in(&self) -> Option<Duration> {
        self.next.ok()
    }

    /// Why there is none.
    ///
    /// ```
    /// # fn example(it: &idem_client::Try<'_>) {
    /// let is_the_answer = it.stopped() == Some(idem_client::Stopped::Final);
    /// # }
    /// ```
    #[must_use]
    pub fn stopped(&self) -> Option<Stopped> {
        self.next.err()
    }

    /// Neither the key nor the path and the query, in which there may be one.
    pub(crate) fn trace(&self) {
        let result = match &self.result {
            Ok(status) => status.as_u16().to_string(),
            Err(Unanswered::TimedOut) => "timed out".to_owned(),
            Err(Unanswered::Broken(_)) => "connection failed".to_owned(),
        };
        let (method, host) = (self.method.as_str(), self.url.host_str().unwrap_or_default());
        match self.next {
            Ok(delay) => {
                tracing::info!(target: "idem_client", attempt = self.number, method, host, result, again_in = ?delay, "try failed");
            }
            Err(stopped) => {
                tracing::debug!(target: "idem_client", attempt = self.number, method, host, result, ?stopped, "last try");
            }
        }
    }
}
