//! The return type: kept as the user's own, so that imports are used and errors appear at it.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::{
    Lifetime, ReturnType, Signature, Type, TypeImplTrait, TypeReference,
    visit::{self, Visit},
    visit_mut::{self, VisitMut},
};

use super::{own, own_at};
use crate::model::known::peeled;

/// The type that the user's body yields.
pub(super) struct Output {
    response: TokenStream,
    /// The same with `_` for every `impl Trait`, if anything is left.
    pinned: Option<TokenStream>,
    ends: (Span, Span),
}

impl Output {
    pub(super) fn new(output: &ReturnType, name: &Ident) -> Self {
        let (response, pinned, ends) = match output {
            ReturnType::Default => {
                let unit = quote_spanned!(own_at(name.span())=> ());
                (unit.clone(), Some(unit), (name.span(), name.span()))
            }
            // `!` is no type argument in stable Rust. A body that never ends turns into any type.
            ReturnType::Type(_, ty) if matches!(peeled(ty), Type::Never(_)) => {
                let never = quote_spanned!(own_at(ends(ty).0)=> ::core::convert::Infallible);
                (never.clone(), Some(never), ends(ty))
            }
            ReturnType::Type(_, ty) => {
                let pinned = (!matches!(peeled(ty), Type::ImplTrait(_))).then(|| {
                    let mut erased = Type::clone(ty);
                    Erase.visit_type_mut(&mut erased);
                    erased.into_token_stream()
                });
                (ty.to_token_stream(), pinned, ends(ty))
            }
        };
        Self { response, pinned, ends }
    }

    /// The return type of the emitted function, at the place of the user's own.
    pub(super) fn emitted(&self, named_future: bool, hidden: &TokenStream) -> TokenStream {
        let response = &self.response;
        let (start, end) = (own_at(self.ends.0), own_at(self.ends.1));
        let close = quote_spanned!(end=> >);
        let content = if named_future {
            quote_spanned!(start=> Run<impl ::core::future::Future<Output = #response #close #close)
        } else {
            quote_spanned!(start=> Replayable<#response #close)
        };
        quote_spanned!(own()=> #hidden::#content)
    }

    /// A return that is never taken, and leaves no code behind. It tells the async block its type before the body
    /// does, so that a wrong type is reported at the expression that has it.
    pub(super) fn pin(&self) -> Option<TokenStream> {
        let pinned = self.pinned.as_ref()?;
        // Shown where the type is said to come from.
        let returned = Ident::new("__returned", self.ends.0);
        Some(quote_spanned! {own()=>
            if let ::core::option::Option::Some(#returned) = ::core::option::Option::<#pinned>::None {
                return #returned;
            }
        })
    }

    /// The conversion, passed as a function: a type that is no response is then one error, at the type. An `impl Trait`
    /// is checked by the compiler, which shows at the body's braces what it is; so it is shown there.
    pub(super) fn conversion(&self, hidden: &TokenStream, body: Span) -> TokenStream {
        let response = self.pinned.clone().unwrap_or_else(|| quote_spanned!(own_at(body)=> _));
        quote_spanned!(own()=> <#response as #hidden::IntoResponse>::into_response)
    }
}

/// Whether the body's future must be named in the return type: only where the handler is routed is it known to be
/// `Send + 'static` then.
pub(super) fn needs_a_named_future(signature: &Signature) -> bool {
    struct Free(bool);
    impl<'ast> Visit<'ast> for Free {
        fn visit_lifetime(&mut self, node: &'ast Lifetime) {
            self.0 |= node.ident != "static";
        }
        fn visit_type_reference(&mut self, node: &'ast TypeReference) {
            self.0 |= node.lifetime.is_none();
            visit::visit_type_reference(self, node);
        }
        fn visit_type_impl_trait(&mut self, _: &'ast TypeImplTrait) {
            self.0 = true;
        }
        fn visit_ident(&mut self, node: &'ast Ident) {
            // The type of an `impl` block can be generic.
            self.0 |= node == "Self";
        }
    }
    let generics = &signature.generics;
    if generics.type_params().next().is_some() || generics.lifetimes().next().is_some() {
        return true;
    }
    let mut free = Free(false);
    signature.inputs.iter().for_each(|argument| free.visit_fn_arg(argument));
    free.0
}

struct Erase;

impl VisitMut for Erase {
    fn visit_type_mut(&mut self, node: &mut Type) {
        if matches!(node, Type::ImplTrait(_)) {
            *node = Type::Verbatim(quote_spanned!(own()=> _));
        } else {
            visit_mut::visit_type_mut(self, node);
        }
    }
}

/// The spans of the first and the last token.
pub(super) fn ends(tokens: &impl ToTokens) -> (Span, Span) {
    let mut tokens = tokens.to_token_stream().into_iter();
    let first = tokens.next().map_or_else(own, |token| token.span());
    let last = tokens.last().map_or(first, |token| token.span());
    (first, last)
}
