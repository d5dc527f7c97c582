//! For tests of what uses this crate.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{Extensions, HeaderMap, Method, StatusCode};
use reqwest::{Request, Response, Url};
use reqwest_middleware::{Middleware, Next};

/// Counts what goes out, try by try: a middleware that stands *behind* a [`Retry`](crate::Retry).
///
/// ```
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use idem_client::{Retry, redirects, reqwest, reqwest_middleware::ClientBuilder, testing::Tries};
///
/// let tries = Tries::default();
/// let http = reqwest::Client::builder().redirect(redirects()).build()?;
/// let client = ClientBuilder::new(http).with(Retry::default()).with(tries.clone()).build();
/// client.post("http://127.0.0.1:3000/pay").body("{}").send().await?;
///
/// assert_eq!(tries.count(), 2);
/// let all = tries.all();
/// assert_eq!(all[0].headers["idempotency-key"], all[1].headers["idempotency-key"]);
/// assert_eq!(all[0].body, all[1].body);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Tries(Arc<Mutex<Vec<Tried>>>);

/// One try.
///
/// ```
/// # fn example(tried: &idem_client::testing::Tried) {
/// assert_eq!(tried.status.map(|status| status.as_u16()), Some(503));
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Tried {
    /// The method.
    pub method: Method,
    /// Where it was sent.
    pub url: Url,
    /// The headers that the request came with.
    pub headers: HeaderMap,
    /// The body; `None` if there was none, or if it was a stream.
    pub body: Option<Bytes>,
    /// The status of its answer; `None` as long as there is none.
    pub status: Option<StatusCode>,
}

impl Tries {
    /// How many there were.
    ///
    /// ```
    /// assert_eq!(idem_client::testing::Tries::default().count(), 0);
    /// ```
    #[must_use]
    pub fn count(&self) -> usize {
        self.with(|all| all.len())
    }

    /// All of them, in the order in which they were begun.
    ///
    /// ```
    /// assert!(idem_client::testing::Tries::default().all().is_empty());
    /// ```
    #[must_use]
    pub fn all(&self) -> Vec<Tried> {
        self.with(|all| all.clone())
    }

    fn with<T>(&self, use_it: impl FnOnce(&mut Vec<Tried>) -> T) -> T {
        use_it(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait::async_trait]
impl Middleware for Tries {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        let body = request.body().and_then(reqwest::Body::as_bytes).map(Bytes::copy_from_slice);
        let (method, url, headers) = (request.method().clone(), request.url().clone(), request.headers().clone());
        let tried = Tried { method, url, headers, body, status: None };
        let number = self.with(|all| {
            all.push(tried);
            all.len() - 1
        });
        let result = next.run(request, extensions).await;
        self.with(|all| all[number].status = result.as_ref().ok().map(Response::status));
        result
    }
}
