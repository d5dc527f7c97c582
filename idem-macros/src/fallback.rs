//! What is emitted when the attribute is wrong: the function as it is written, beside the errors, so that routes
//! still type-check and nothing else in the crate is reported.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::ReturnType;

use crate::{
    attribute::Kind,
    errors::Errors,
    item,
    model::{function::is_idempotent, known},
};

pub(crate) fn fallback(kind: Kind, original: TokenStream, errors: &Errors) -> TokenStream {
    let item = item::parse(kind, original.clone()).map_or(original, |mut function| {
        // The second attribute is reported, it need not report the same mistakes again.
        function.attributes.retain(|attribute| !is_idempotent(attribute));
        let signature = &mut function.signature;
        let future = matches!(&signature.output, ReturnType::Type(_, ty) if known::names_a_future(ty));
        if signature.asyncness.is_none() && signature.constness.is_none() && !future {
            // The missing `async` is reported; without it the route and every `.await` would be reported too.
            signature.asyncness = Some(syn::Token![async](signature.fn_token.span));
        }
        function.into_token_stream()
    });
    let errors = errors.to_tokens();
    quote!(#item #errors)
}
