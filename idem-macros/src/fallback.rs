//! What is emitted when the attribute is wrong: the function as it is written, beside the errors, so that routes
//! still type-check and nothing else in the crate is reported.

use proc_macro2::{Group, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{FnArg, ReturnType};

use crate::{
    attribute::Kind,
    errors::Errors,
    item::{self, Function},
    model::{function::is_idempotent, known, supplied::is_marker},
};

pub(crate) fn fallback(kind: Kind, original: TokenStream, errors: &Errors) -> TokenStream {
    let item = item::parse(kind, original.clone()).map_or(original, |mut function| {
        // The second attribute is reported, it need not report the same mistakes again.
        function.attributes.retain(|attribute| !is_idempotent(attribute));
        if kind == Kind::Function {
            without_supplied(&mut function);
        }
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

/// Callers do not pass what is supplied, and the body has it all the same.
fn without_supplied(function: &mut Function) {
    let is_supplied = |input: &FnArg| matches!(input, FnArg::Typed(typed) if typed.attrs.iter().any(is_marker));
    let inputs = std::mem::take(&mut function.signature.inputs);
    let (supplied, passed): (Vec<_>, Vec<_>) = inputs.into_iter().partition(is_supplied);
    function.signature.inputs.extend(passed);
    if supplied.is_empty() {
        return;
    }
    let bound = supplied.iter().map(|input| {
        let FnArg::Typed(typed) = input else { return TokenStream::new() };
        let (pattern, ty) = (&typed.pat, &typed.ty);
        quote_spanned!(Span::mixed_site()=> let #pattern: #ty = ::core::option::Option::None.unwrap();)
    });
    let body = function.body.stream();
    let mut whole = Group::new(function.body.delimiter(), quote!(#(#bound)* #body));
    whole.set_span(function.body.span());
    function.body = whole;
}
