//! Redirects that neither give the key away nor turn a `POST` into something else.

use http::{Method, StatusCode};
use reqwest::redirect::{Action, Attempt, Policy};

/// What is being sent by this task, as far as a redirect has to know it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) has_key: bool,
    pub(crate) is_post: bool,
}

tokio::task_local! {
    pub(crate) static SENT: Sent;
}

impl Sent {
    pub(crate) fn new(method: &Method, has_key: bool) -> Self {
        Self { has_key, is_post: method == Method::POST }
    }
}

/// Which redirects a client with a [`Retry`](crate::Retry) follows; [`Retry::client`](crate::Retry::client) sets it.
///
/// | redirect | what becomes of it |
/// |---|---|
/// | 307, 308 to the same origin | followed, with the same method, key and bytes (RFC 9110, sections 15.4.8 and 15.4.9) |
/// | 303 to the same origin | followed, as a `GET`: the request is not repeated (section 15.4.4) |
/// | any, to another origin, of a request with a key | not followed: the caller gets the 3xx. `reqwest` takes `Authorization` and `Cookie` off such a request, and would leave the key on it |
/// | 301, 302 of a `POST` | not followed: it would become a `GET`, whose 200 reads as if something had been done |
/// | all others | as by `reqwest`'s default, at most 10 in a row |
///
/// Another origin is another scheme, host or port.
///
/// ```
/// # fn example() -> Result<(), idem_client::reqwest::Error> {
/// let http = idem_client::reqwest::Client::builder().redirect(idem_client::redirects()).build()?;
/// # Ok(())
/// # }
/// ```
#[must_use]
pub fn redirects() -> Policy {
    // Where nothing is known of the request, it is taken for one with a key.
    Policy::custom(|attempt| judge(SENT.try_get().unwrap_or(Sent { has_key: true, is_post: true }), attempt))
}

fn judge(sent: Sent, attempt: Attempt<'_>) -> Action {
    let leaves = attempt.previous().last().is_none_or(|from| from.origin() != attempt.url().origin());
    let becomes_get = matches!(attempt.status(), StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND);
    if (sent.has_key && leaves) || (sent.is_post && becomes_get) {
        return attempt.stop();
    }
    Policy::default().redirect(attempt)
}
