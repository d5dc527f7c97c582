//! What a `#[utoipa::path]` below the attribute is turned into.

use quote::ToTokens;

use super::tokens;
use crate::attribute;

/// The attributes of the expanded handler, without spaces, and how many items stand beside it.
#[track_caller]
fn expanded(args: &str, attributes: &str) -> (Vec<String>, usize) {
    let item = tokens(&format!("{attributes} async fn pay() {{}}"));
    let file: syn::File = syn::parse2(attribute::idempotent(tokens(args), item)).expect(attributes);
    let Some(syn::Item::Fn(handler)) = file.items.first() else { panic!("no handler: {attributes}") };
    let text = |attribute: &syn::Attribute| attribute.to_token_stream().to_string().replace([' ', '\n'], "");
    (handler.attrs.iter().map(text).collect(), file.items.len() - 1)
}

/// Checks the attributes of the expanded handler, written with `PARAMS` and `RESPONSES` for what is added.
#[track_caller]
fn turns(attributes: &str, expected: &str) {
    let (found, items) = expanded(r#"ttl = "1h""#, attributes);
    let of = |kind: &str| format!("::idem_runtime::__private::openapi::{kind}<__idempotency_pay>");
    let expected = expected.replace("PARAMS", &of("Parameters")).replace("RESPONSES", &of("Responses"));
    assert_eq!(found.concat(), expected.replace(' ', ""));
    assert_eq!(items, 2, "a type and its contract");
}

#[track_caller]
fn leaves(attributes: &str) {
    let (found, items) = expanded(r#"ttl = "1h""#, attributes);
    assert_eq!(found.concat(), tokens(attributes).to_string().replace([' ', '\n'], ""));
    assert_eq!(items, 0, "{attributes}");
}

#[test]
fn what_is_absent_is_added() {
    turns("#[utoipa::path(post)]", "#[utoipa::path(post, params(PARAMS), responses(RESPONSES),)]");
    turns("#[utoipa::path(post,)]", "#[utoipa::path(post, params(PARAMS), responses(RESPONSES),)]");
    turns("#[::utoipa::path()]", "#[::utoipa::path(params(PARAMS), responses(RESPONSES),)]");
}

#[test]
fn what_is_there_is_merged() {
    turns(
        "#[utoipa::path(post, params((\"id\" = u64, Path)), responses((status = 200)), tag = \"pay\")]",
        "#[utoipa::path(post, params((\"id\" = u64, Path), PARAMS), responses(RESPONSES, (status = 200)), tag = \"pay\")]",
    );
    turns(
        "#[utoipa::path(responses(Users,), params(Page,))]",
        "#[utoipa::path(responses(RESPONSES, Users,), params(Page, PARAMS))]",
    );
    turns("#[utoipa::path(params(), responses())]", "#[utoipa::path(params(PARAMS), responses(RESPONSES,))]");
    turns(
        "#[utoipa::path(responses((status = 200)))]",
        "#[utoipa::path(responses(RESPONSES, (status = 200)), params(PARAMS),)]",
    );
}

#[test]
fn only_an_argument_of_that_name_is_taken_for_one() {
    turns(
        "#[utoipa::path(tag = responses(1), request_body = Body<params, u8>)]",
        "#[utoipa::path(tag = responses(1), request_body = Body<params, u8>, params(PARAMS), responses(RESPONSES),)]",
    );
}

#[test]
fn other_attributes_stay_in_their_places() {
    turns(
        "#[allow(unused)] #[utoipa::path(post)] #[debug_handler]",
        "#[allow(unused)] #[utoipa::path(post, params(PARAMS), responses(RESPONSES),)] #[debug_handler]",
    );
}

#[test]
fn what_is_not_understood_is_left_to_utoipa() {
    leaves("#[utoipa::path]");
    leaves("#[utoipa::path = \"x\"]");
    leaves("#[utoipa::path(post, responses = 3)]");
    leaves("#[utoipa::path(post, params)]");
    leaves("#[path(post)]");
    leaves("#[other::path(post)]");
    leaves("#[utoipa::path::more(post)]");
    leaves("#[debug_handler]");
}

/// Whether the contract says that the key and the scope are to be described.
#[track_caller]
fn described(args: &str, params: &str) -> (bool, bool) {
    let item = tokens(&format!("#[utoipa::path(post, params({params}))] async fn pay() {{}}"));
    let expanded = attribute::idempotent(tokens(args), item).to_string().replace(' ', "");
    let says =
        |name: &str| match (expanded.contains(&format!("{name}:true")), expanded.contains(&format!("{name}:false"))) {
            (true, false) => true,
            (false, true) => false,
            _ => panic!("no {name}: {expanded}"),
        };
    (says("describe_key"), says("describe_scope"))
}

#[test]
fn a_parameter_of_the_users_own_is_not_described_again() {
    let header = r#"ttl = "1h", scope = "header:X-Tenant""#;
    assert_eq!(described(header, ""), (true, true));
    assert_eq!(described(header, r#"("idempotency-KEY" = Uuid, Header, description = "mine")"#), (false, true));
    assert_eq!(described(header, r#"("X-TENANT", Header), ("Idempotency-Key", Cookie)"#), (true, false));
    assert_eq!(described(header, r#"Page, ("other" = String, Header)"#), (true, true));
    let query = r#"ttl = "1h", key = "query:request_id""#;
    assert_eq!(described(query, r#"("request_id" = String, Query)"#), (false, false));
    assert_eq!(described(query, r#"("Request_id" = String, Query)"#), (true, false));
    assert_eq!(described(query, r#"("request_id" = String, Header)"#), (true, false));
}

#[test]
fn what_is_no_parameter_of_its_own_is_not_described() {
    assert_eq!(described(r#"ttl = "1h", key = "path:id""#, ""), (false, false));
    assert_eq!(described(r#"ttl = "1h", key = "body:/id""#, ""), (false, false));
}
