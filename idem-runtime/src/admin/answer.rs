//! An answer as it is recorded: a handler's response, or a job's value.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, StatusCode};
use serde::de::IgnoredAny;

use crate::engine::settled::Settled;
use crate::http::message;
use crate::job::value;
use crate::store::{Outcome, StoreError};

/// What is replayed. `Debug` shows no body.
///
/// # Examples
///
/// ```
/// use http::StatusCode;
/// use idem_runtime::admin::Answer;
///
/// let answer = Answer::response(StatusCode::CREATED, Some("application/json"), r#"{"paid":true}"#);
/// let Answer::Response { status, headers, body } = answer else { unreachable!() };
/// assert_eq!((status.as_u16(), headers.len(), body.len()), (201, 1, 13));
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// Of a handler.
    Response {
        /// The status.
        status: StatusCode,
        /// The headers that are recorded.
        headers: HeaderMap,
        /// The body.
        body: Bytes,
    },
    /// Of a job: what its `Ok` is as JSON.
    Value {
        /// JSON text.
        json: Bytes,
    },
}

/// Why an answer cannot be recorded.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use idem_runtime::admin::{AdminError, Answer, Operation, UnfitAnswer};
/// use idem_runtime::{Idempotency, MemoryStore};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let admin = Idempotency::new(MemoryStore::new()).admin();
/// let key = admin.key(&Operation::Job("ship".into()), None, "order-7");
/// let settled = admin.settle(key, &Answer::value("no JSON"), Duration::from_secs(3600)).await;
/// assert!(matches!(settled, Err(AdminError::Unfit(UnfitAnswer::NoJson(_)))));
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnfitAnswer {
    /// A 1xx, or more headers than are read back.
    #[error("this response cannot be recorded: its status is 200 to 599, and its headers are at most 128 and 64 KiB")]
    Response,
    /// A job's value is JSON.
    #[error("the value of a job is JSON, and this is none: {0}")]
    NoJson(String),
}

impl Answer {
    /// A response with one header. A `content_type` that is none is left out.
    ///
    /// # Examples
    ///
    /// ```
    /// use http::StatusCode;
    /// use idem_runtime::admin::Answer;
    ///
    /// let answer = Answer::response(StatusCode::CREATED, Some("application/json"), r#"{"paid":true}"#);
    /// # let _ = answer;
    /// ```
    #[must_use]
    pub fn response(status: StatusCode, content_type: Option<&str>, body: impl Into<Bytes>) -> Self {
        let mut headers = HeaderMap::new();
        if let Some(value) = content_type.and_then(|text| text.parse().ok()) {
            headers.insert(http::header::CONTENT_TYPE, value);
        }
        Self::Response { status, headers, body: body.into() }
    }

    /// A job's value, as JSON text.
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::admin::Answer;
    ///
    /// let answer = Answer::value(r#"{"parcel":7}"#);
    /// # let _ = answer;
    /// ```
    #[must_use]
    pub fn value(json: impl Into<Bytes>) -> Self {
        Self::Value { json: json.into() }
    }

    /// The body of a response, or the JSON of a value.
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::admin::Answer;
    ///
    /// assert_eq!(Answer::value("7").body(), "7");
    /// ```
    #[must_use]
    pub const fn body(&self) -> &Bytes {
        match self {
            Self::Response { body, .. } => body,
            Self::Value { json } => json,
        }
    }

    pub(super) fn read(head: &Bytes, body: Bytes) -> Result<Self, StoreError> {
        if value::is_json(head) {
            return Ok(Self::Value { json: body });
        }
        let (parts, _) = message::decode(head, Bytes::new())?.into_parts();
        Ok(Self::Response { status: parts.status, headers: parts.headers, body })
    }

    pub(super) fn encode(&self, replayed_header: &HeaderName) -> Result<Outcome, UnfitAnswer> {
        match self {
            Self::Response { status, headers, body } => {
                let (mut parts, ()) = http::Response::new(()).into_parts();
                parts.status = *status;
                parts.headers = headers.clone();
                let outcome = message::encode(&parts, body.clone(), replayed_header);
                outcome.filter(|_| status.as_u16() < 600).ok_or(UnfitAnswer::Response)
            }
            Self::Value { json } => match serde_json::from_slice::<IgnoredAny>(json) {
                Ok(_) => Ok(Settled::kept(value::json_head(), json.clone())),
                Err(error) => Err(UnfitAnswer::NoJson(format!("line {}, column {}", error.line(), error.column()))),
            },
        }
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Response { status, body, .. } => write!(f, "Response({status}, body: {} B)", body.len()),
            Self::Value { json } => write!(f, "Value({} B)", json.len()),
        }
    }
}
