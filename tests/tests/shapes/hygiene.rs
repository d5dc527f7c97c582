//! Users who give their own things the names that the expansion needs.

use axum::routing::post;
use idem_runtime::idempotent;

use crate::{Shape, shape};

mod hostile {
    #![allow(dead_code, non_camel_case_types, reason = "they are only in the way")]

    pub struct Some;
    pub struct None;
    pub struct Ok;
    pub struct Err;
    pub struct Box;
    pub struct String;
    pub struct Vec;
    pub struct Option;
    pub struct Result;
    pub struct Duration;
    pub struct Response;
    pub trait Send {}
    pub trait Sync {}
    pub trait Future {}
    pub trait IntoResponse {}
    pub trait Default {}
    pub trait From {}
    pub trait Into {}
    pub mod core {}
    pub mod std {}
    pub mod alloc {}
    pub mod idem_runtime {}
    pub mod axum {}
}

mod shadowed {
    #[allow(unused_imports, reason = "they are only in the way")]
    use super::hostile::*;

    use super::idempotent;

    #[idempotent(ttl = "1h", key = body.len())]
    pub(super) async fn names(body: ::std::string::String) -> ::std::string::String {
        let __request = 1;
        let __arguments = 2;
        let route = 3;
        ::std::format!("{body}{}", __request + __arguments + route)
    }

    #[idempotent(ttl = "1h", missing = "execute")]
    pub(super) async fn generic<T: ::std::marker::Send + 'static>(
        body: ::std::string::String,
    ) -> ::std::string::String {
        body
    }
}
use shadowed::{generic, names};

shape!(names, Shape::answers("b6").sent("text/plain", "b"));
shape!(generic, post(generic::<u8>), Shape::answers("b").sent("text/plain", "b"));

macro_rules! handler {
    ($name:ident, $ttl:literal, $argument:ident, $body:expr) => {
        #[idempotent(ttl = $ttl, key = $argument.len())]
        async fn $name($argument: String) -> String {
            $body
        }
    };
}

handler!(by_macro_rules, "1h", body, format!("{body}!"));
shape!(by_macro_rules, Shape::answers("b!").sent("text/plain", "b"));

macro_rules! whole {
    ($item:item) => {
        #[idempotent(ttl = "1h")]
        $item
    };
}

whole! {
    async fn a_whole_item(body: String) -> String {
        body
    }
}
shape!(a_whole_item, Shape::answers("b").sent("text/plain", "b"));

#[idempotent(ttl = "1h")]
async fn r#type(r#match: String) -> String {
    r#match
}
shape!(raw_names, post(r#type), Shape::answers("b").sent("text/plain", "b"));

struct Api;

impl Api {
    #[idempotent(ttl = "1h")]
    async fn associated(body: String) -> String {
        body
    }
}
shape!(an_associated_function, post(Api::associated), Shape::answers("b").sent("text/plain", "b"));
