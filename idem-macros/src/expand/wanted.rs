//! What of a request is kept for its claim, as a type.

use proc_macro2::{Literal, TokenStream};
use quote::quote_spanned;

use super::own;
use crate::model::{
    Source, header,
    policy::{Key, Policy, Scope},
};

/// The type that says where the key and the scope are; `None` where it is the one that need not be written.
pub(super) fn wanted(policy: &Policy, hidden: &TokenStream) -> Option<TokenStream> {
    let own = own();
    let key = match (&policy.key, &policy.scope) {
        (Key::Source(Source::Header(name)), Scope::None | Scope::Expression(_)) if name == "idempotency-key" => {
            return None;
        }
        (Key::Source(Source::Header(name)), _) => of_header(name, hidden),
        (Key::Source(Source::Path(_)), _) => quote_spanned!(own=> #hidden::PathParameter),
        (Key::Source(Source::Query(_) | Source::Body(_)) | Key::Expression(_), _) => {
            quote_spanned!(own=> #hidden::Elsewhere)
        }
    };
    let scope = match &policy.scope {
        Scope::Header(name) => of_header(name, hidden),
        Scope::None | Scope::Expression(_) => quote_spanned!(own=> #hidden::Elsewhere),
    };
    Some(quote_spanned!(own=> #hidden::Wants<#key, #scope>))
}

/// A text cannot be a part of a type, but numbers can.
fn of_header(name: &str, hidden: &TokenStream) -> TokenStream {
    const PART: usize = size_of::<u128>();
    debug_assert!(name.len() <= header::LONGEST);
    let parts = name.as_bytes().chunks(PART).map(|part| {
        let mut bytes = [0; PART];
        bytes[..part.len()].copy_from_slice(part);
        Literal::u128_unsuffixed(u128::from_be_bytes(bytes))
    });
    quote_spanned!(own()=> #hidden::Header<#(#parts),*>)
}
