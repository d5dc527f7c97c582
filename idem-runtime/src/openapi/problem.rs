//! A refusal in the document: its status, its header, and the members of its body.

use http::header::RETRY_AFTER;
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{Content, HeaderBuilder, ResponseBuilder, response::Response};

use super::contract::as_written;
use crate::{Refusal, RefusalCode};

/// The refusals of one status. The schema stands in place, and is no component of a name that the application could
/// have too; so it says which status and which codes there are.
pub(super) fn response(status: u16, codes: &[RefusalCode]) -> Response {
    let explained = codes.iter().map(|code| {
        let refusal = Refusal::from(*code);
        format!("`{code}`: {}. {}", refusal.title(), refusal.detail())
    });
    let explained: Vec<_> = explained.collect();
    let response = ResponseBuilder::new()
        .description(explained.join("\n\n"))
        .content("application/problem+json", Content::new(Some(members(status, codes))));
    let waits: Vec<_> = codes.iter().filter(|code| Refusal::from(**code).retry_after().is_some()).collect();
    if waits.is_empty() {
        return response.build();
    }
    let with: Vec<_> = waits.iter().map(|code| format!("`{code}`")).collect();
    let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0));
    let header = HeaderBuilder::new()
        .schema(Some(seconds))
        .description(Some(format!("Seconds to wait before the next try: with {}.", with.join(" and "))));
    response.header(as_written(RETRY_AFTER.as_str()), header.build()).build()
}

/// The members that `Refusal` writes (RFC 9457, section 3.1; `code` is an extension of section 3.2).
fn members(status: u16, codes: &[RefusalCode]) -> Object {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let page = text().format(Some(SchemaFormat::Custom("uri".to_owned())));
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .property("type", page.description(Some("The page that explains this refusal.")))
        .required("type")
        .property("title", text().description(Some("The refusal in one line.")))
        .required("title")
        .property("status", ObjectBuilder::new().schema_type(Type::Integer).enum_values(Some([status])))
        .required("status")
        .property("detail", text().description(Some("What happened, and what to do.")))
        .required("detail")
        .property("code", text().enum_values(Some(codes.iter().map(|code| code.as_str()))))
        .required("code")
        .build()
}
