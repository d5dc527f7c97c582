//! What the document says, route by route.

use idem_runtime::idempotent;
use idem_runtime::openapi::{KeyHeader, OptionalKeyHeader, Refusals};
use serde_json::{Value, json};
use utoipa::{IntoParams, IntoResponses, Path};

fn operation<P: Path>() -> Value {
    serde_json::to_value(P::operation()).unwrap()
}

/// Each parameter as `NAME in PLACE`, with `?` if it may be left out.
fn parameters(operation: &Value) -> Vec<String> {
    let all = operation["parameters"].as_array().cloned().unwrap_or_default();
    let said = all.iter().map(|parameter| {
        let optional = if parameter["required"] == true { "" } else { "?" };
        format!("{}{optional} in {}", parameter["name"].as_str().unwrap(), parameter["in"].as_str().unwrap())
    });
    said.collect()
}

/// Each response as `STATUS: CODES`, or `STATUS: own` for one that is the application's.
fn responses(operation: &Value) -> Vec<String> {
    let all = operation["responses"].as_object().unwrap();
    let said = all.iter().map(|(status, response)| {
        let schema = &response["content"]["application/problem+json"]["schema"]["properties"];
        let codes = schema["code"]["enum"].as_array().map(|codes| {
            assert_eq!(schema["status"]["enum"], json!([status.parse::<u16>().unwrap()]));
            codes.iter().map(|code| code.as_str().unwrap()).collect::<Vec<_>>().join(" ")
        });
        format!("{status}: {}", codes.unwrap_or_else(|| "own".to_owned()))
    });
    said.collect()
}

#[track_caller]
fn says<P: Path>(expected_parameters: &[&str], expected_responses: &[&str]) {
    let operation = operation::<P>();
    assert_eq!(parameters(&operation), expected_parameters);
    assert_eq!(responses(&operation), expected_responses);
}

const CONFLICT: &str = "409: in_progress response_not_kept";
const REUSED: &str = "422: key_reused";
const UNAVAILABLE: &str = "503: store_unavailable draining";

#[idempotent(ttl = "1h")]
#[utoipa::path(post, path = "/")]
async fn without_options() {}

#[test]
fn a_route_without_options() {
    let refusals = ["400: missing_key invalid_key", CONFLICT, REUSED, UNAVAILABLE];
    says::<__path_without_options>(&["Idempotency-Key in header"], &refusals);
    let operation = operation::<__path_without_options>();
    let key = &operation["parameters"][0];
    assert_eq!(key["schema"], json!({ "type": "string", "minLength": 1, "maxLength": 255 }));
    assert!(key["description"].as_str().is_some_and(|text| text.contains("every retry")));
    let responses = &operation["responses"];
    let waits = |status: &str| responses[status]["headers"]["Retry-After"]["schema"].clone();
    let seconds = json!({ "type": "integer", "minimum": 0 });
    assert_eq!(
        [waits("400"), waits("409"), waits("422"), waits("503")],
        [Value::Null, seconds.clone(), Value::Null, seconds]
    );
    let conflict = responses["409"]["description"].as_str().unwrap();
    assert!(conflict.contains("`in_progress`: A request is outstanding for this idempotency key."), "{conflict}");
}

#[idempotent(ttl = "1h", missing = "execute", scope = "header:X-Tenant")]
#[utoipa::path(post, path = "/", responses((status = 200)))]
async fn optional() {}

#[idempotent(ttl = "1h", missing = 428, on_failure = "keep")]
#[utoipa::path(post, path = "/", responses((status = 200)))]
async fn with_a_status_of_its_own() {}

#[test]
fn a_key_that_is_missing() {
    says::<__path_optional>(
        &["Idempotency-Key? in header", "X-Tenant? in header"],
        &["200: own", "400: invalid_key missing_scope invalid_scope", CONFLICT, REUSED, UNAVAILABLE],
    );
    let conflict = "409: in_progress outcome_unknown response_not_kept";
    says::<__path_with_a_status_of_its_own>(
        &["Idempotency-Key in header"],
        &["200: own", "400: invalid_key", conflict, REUSED, "428: missing_key", UNAVAILABLE],
    );
}

#[idempotent(ttl = "1h", key = "path:id", scope = "header:x-tenant")]
#[utoipa::path(put, path = "/{id}", params(("id" = u64, Path)))]
async fn by_path(axum::extract::Path(_): axum::extract::Path<u64>) {}

#[idempotent(ttl = "1h", key = "query:request_id")]
#[utoipa::path(post, path = "/", params(("page" = u32, Query),))]
async fn by_query() {}

#[idempotent(ttl = "1h", key = "header:X-Request-Id", scope = tenant)]
#[utoipa::path(post, path = "/")]
async fn by_another_header(tenant: String) {
    drop(tenant);
}

#[idempotent(ttl = "1h", key = "body:/id")]
#[utoipa::path(post, path = "/", request_body = String)]
async fn by_body(body: String) {
    drop(body);
}

#[test]
fn a_key_in_another_place() {
    let invalid_scope = "400: invalid_key missing_scope invalid_scope";
    says::<__path_by_path>(&["id in path", "X-Tenant in header"], &[invalid_scope, CONFLICT, REUSED, UNAVAILABLE]);
    let missing = "400: missing_key invalid_key";
    says::<__path_by_query>(&["page in query", "request_id in query"], &[missing, CONFLICT, REUSED, UNAVAILABLE]);
    let missing_scope = "400: missing_key invalid_key missing_scope";
    says::<__path_by_another_header>(&["X-Request-Id in header"], &[missing_scope, CONFLICT, REUSED, UNAVAILABLE]);
    says::<__path_by_body>(&[], &[missing, CONFLICT, REUSED, UNAVAILABLE]);
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only its description is looked at")]
struct Page {
    number: u32,
}

#[derive(IntoResponses)]
enum Own {
    /// Out of stock.
    #[response(status = 409)]
    #[expect(dead_code, reason = "only its description is looked at")]
    OutOfStock,
}

#[idempotent(ttl = "1h")]
#[utoipa::path(
    post,
    path = "/",
    params(Page, ("idempotency-key" = String, Header, description = "Mine.")),
    responses((status = UNPROCESSABLE_ENTITY, description = "Mine."), Own, (status = 201, body = String)),
    tag = "orders"
)]
async fn with_its_own() {}

#[test]
fn what_the_application_says_itself() {
    says::<__path_with_its_own>(
        &["number in query", "idempotency-key in header"],
        &["201: own", "400: missing_key invalid_key", "409: own", "422: own", UNAVAILABLE],
    );
    let operation = operation::<__path_with_its_own>();
    assert_eq!(operation["parameters"][1]["description"], "Mine.");
    assert_eq!(operation["responses"]["409"]["description"], "Out of stock.");
    assert_eq!(operation["responses"]["422"]["description"], "Mine.");
}

mod renamed {
    pub(crate) use idem_runtime::*;
}

#[renamed::idempotent(ttl = "1h", crate = crate::document::renamed)]
#[::utoipa::path(post, path = "/")]
async fn r#type() {}

#[test]
fn a_runtime_of_another_name() {
    let refusals = ["400: missing_key invalid_key", CONFLICT, REUSED, UNAVAILABLE];
    says::<__path_type>(&["Idempotency-Key in header"], &refusals);
}

#[utoipa::path(post, path = "/", params(KeyHeader), responses(Refusals, (status = 409, description = "Mine.")))]
#[idempotent(ttl = "1h")]
async fn the_other_way_round() {}

#[utoipa::path(post, path = "/", params(OptionalKeyHeader), responses(Refusals))]
#[idempotent(ttl = "1h", missing = "execute")]
async fn the_other_way_round_and_optional() {}

#[utoipa::path(post, path = "/")]
#[idempotent(ttl = "1h")]
async fn the_other_way_round_and_silent() {}

#[test]
fn the_document_is_made_first() {
    let missing = "400: missing_key invalid_key";
    says::<__path_the_other_way_round>(&["Idempotency-Key in header"], &[missing, "409: own", REUSED, UNAVAILABLE]);
    let conflict = "409: in_progress outcome_unknown response_not_kept";
    says::<__path_the_other_way_round_and_optional>(
        &["Idempotency-Key? in header"],
        &[missing, conflict, REUSED, UNAVAILABLE],
    );
    says::<__path_the_other_way_round_and_silent>(&[], &[]);
}

#[test]
fn a_handler_within_a_function_has_a_document_too() {
    #[idempotent(ttl = "1h", missing = "execute")]
    #[utoipa::path(post, path = "/")]
    async fn within() {}
    let _ = within;
    says::<__path_within>(&["Idempotency-Key? in header"], &["400: invalid_key", CONFLICT, REUSED, UNAVAILABLE]);
}
