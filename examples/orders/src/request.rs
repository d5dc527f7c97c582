//! What handlers take from a request. Whatever is wrong with it is answered with a [`Problem`]: axum's own extractors
//! answer in plain text, so these are theirs with another rejection.

use std::fmt;
use std::str::FromStr as _;

use axum::extract::{FromRequest, FromRequestParts};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use idem_runtime::rusqlite::ToSql;
use idem_runtime::rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use crate::problem::Problem;

/// `axum::Json`.
#[derive(FromRequest)]
#[from_request(via(axum::Json), rejection(Problem))]
pub(crate) struct Json<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// `axum::extract::Path`.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Problem))]
pub(crate) struct Path<T>(pub(crate) T);

/// The UUID of an order or a draft: 32 hexadecimal digits in five groups, written small.
///
/// Written in another way it is the same one (RFC 9562, section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Id(Hyphenated);

impl Id {
    /// One that nobody has.
    pub(crate) fn random() -> Self {
        Self(Uuid::new_v4().hyphenated())
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<String> for Id {
    type Error = uuid::Error;

    fn try_from(text: String) -> Result<Self, uuid::Error> {
        Hyphenated::from_str(&text).map(Self)
    }
}

impl From<Id> for String {
    fn from(id: Id) -> Self {
        id.to_string()
    }
}

impl ToSql for Id {
    fn to_sql(&self) -> idem_runtime::rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.to_string().into())
    }
}

impl FromSql for Id {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let id = Hyphenated::from_str(value.as_str()?);
        id.map(Self).map_err(|error| FromSqlError::Other(Box::new(error)))
    }
}

/// Who asks: `Authorization: Bearer NAME`.
///
/// Where a real shop looks up a token, this one takes the name in its place. The rest is real: it is asked first of all, on
/// replays too, and everything that is kept is kept under it.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) name: String,
}

impl<S: Sync> FromRequestParts<S> for User {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut values = parts.headers.get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return Err(Problem::Unauthenticated) };
        let (scheme, name) = value.to_str().ok().and_then(|text| text.split_once(' ')).unwrap_or_default();
        let name = name.trim();
        let is_name = (1..=64).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        if scheme.eq_ignore_ascii_case("bearer") && is_name {
            Ok(Self { name: name.to_owned() })
        } else {
            Err(Problem::Unauthenticated)
        }
    }
}
