//! What idempotency adds to a handler, in the OpenAPI document that [`utoipa`] 6 makes. Behind the feature `utoipa`.
//!
//! With `#[idempotent]` **above** `#[utoipa::path]`, there is nothing to write. The operation gets
//!
//! - the header of the key, or its query parameter, and the header of the scope. They are required, unless the route has
//!   `missing = "execute"`. A key in the path or in the body is described where the application describes these;
//! - each refusal that the route can give, by status: 400 (and the route's own `missing` status), 409, 422 and 503, each
//!   with the members of its `application/problem+json`, the codes that it can have, and `Retry-After` where there is one.
//!
//! ```
//! use axum::Json;
//! use idem_runtime::idempotent;
//! use utoipa::OpenApi;
//!
//! #[idempotent(ttl = "1h", scope = "header:X-Tenant")]
//! #[utoipa::path(post, path = "/payments", responses((status = 201, body = String)))]
//! async fn pay(Json(order): Json<u64>) -> String {
//!     format!("order {order} is paid")
//! }
//!
//! #[derive(OpenApi)]
//! #[openapi(paths(pay))]
//! struct Document;
//!
//! let document = serde_json::to_value(Document::openapi())?;
//! let pay = &document["paths"]["/payments"]["post"];
//! assert_eq!(pay["parameters"][0]["name"], "Idempotency-Key");
//! assert_eq!(pay["parameters"][1]["name"], "X-Tenant");
//! let codes = &pay["responses"]["422"]["content"]["application/problem+json"]["schema"]["properties"]["code"]["enum"];
//! assert_eq!(codes[0], "key_reused");
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! What the handler's own attribute says wins: a response of the same status replaces the one of this module, and a
//! parameter of the same name and place is not described a second time. So an application that
//! [renders refusals itself](crate::IdempotencyBuilder::render_refusals) describes them itself, and a handler with a 409
//! or a 422 of its own (axum's `Json` has a 422, say) writes one description for both. A parameter that comes from a type
//! in `params(..)` cannot be seen, and would be described twice.
//!
//! The document is made without an [`Idempotency`](crate::Idempotency), so it does not know the application's
//! [`Defaults`](crate::Defaults): of a route that leaves `missing` or `on_failure` out it says what this crate's own are.
//! Where the application has others, its documented routes write them.
//!
//! # The other way round
//!
//! With `#[utoipa::path]` above, or within `#[cfg_attr(.., utoipa::path(..))]`, the operation is made without
//! `#[idempotent]` being asked. It names the types of this module then, which say what a route says that has no options:
//!
//! ```
//! use idem_runtime::{idempotent, openapi::{KeyHeader, Refusals}};
//!
//! #[utoipa::path(post, path = "/payments", params(KeyHeader), responses(Refusals, (status = 201, body = String)))]
//! #[idempotent(ttl = "1h")]
//! async fn pay(order: String) -> String {
//!     format!("order {order} is paid")
//! }
//! # use utoipa::Path as _;
//! # let operation = serde_json::to_value(__path_pay::operation()).unwrap();
//! # assert_eq!(operation["parameters"][0]["name"], "Idempotency-Key");
//! # assert!(operation["responses"].get("409").is_some());
//! ```
//!
//! utoipa's feature `axum_extras` reads the types of a handler's arguments. `#[idempotent]` changes the last one, so below
//! it, utoipa has to be told the `request_body`.

#[doc(hidden)]
pub mod contract;
mod problem;

use std::collections::BTreeMap;

use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::{RefOr, response::Response};
use utoipa::{IntoParams, IntoResponses};

use self::contract::{Contract, HasContract};
use crate::engine::OnFailure;
use crate::http::route::{KeySource, Missing, ScopeSource, text};

/// The refusals of a route with the key in a header, for `responses(..)`: 400, 409, 422 and 503.
///
/// The 409 has the code `outcome_unknown` among its codes, which only a route with `on_failure = "keep"` gives.
#[derive(Clone, Copy, Debug)]
pub struct Refusals;

impl IntoResponses for Refusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        contract::Responses::<Self>::responses()
    }
}

impl HasContract for Refusals {
    const CONTRACT: Contract = without_options(None, Some(OnFailure::Keep));
}

/// The header `Idempotency-Key`, for `params(..)`: required.
#[derive(Clone, Copy, Debug)]
pub struct KeyHeader;

impl IntoParams for KeyHeader {
    fn into_params(place: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        contract::Parameters::<Self>::into_params(place)
    }
}

impl HasContract for KeyHeader {
    const CONTRACT: Contract = without_options(None, None);
}

/// The header `Idempotency-Key`, for `params(..)`: it may be left out, as with `missing = "execute"`.
#[derive(Clone, Copy, Debug)]
pub struct OptionalKeyHeader;

impl IntoParams for OptionalKeyHeader {
    fn into_params(place: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        contract::Parameters::<Self>::into_params(place)
    }
}

impl HasContract for OptionalKeyHeader {
    const CONTRACT: Contract = without_options(Some(Missing::Execute), None);
}

const fn without_options(missing: Option<Missing>, on_failure: Option<OnFailure>) -> Contract {
    Contract {
        key: KeySource::Header(text("idempotency-key")),
        scope: ScopeSource::None,
        missing,
        on_failure,
        describe_key: true,
        describe_scope: true,
    }
}
