//! What the router asks of a handler, asked at the handler itself, if the attribute names the router's state.

use proc_macro2::TokenStream;
use quote::quote_spanned;
use syn::{
    Ident, Signature, Type, TypeImplTrait,
    visit::{self, Visit},
};

use super::{own, rebind::Parameter};
use crate::model::known;

/// A statement that compiles only if the state has a store in it and every argument is an extractor. What is missing is
/// shown at the type that lacks it.
pub(super) fn checks(
    state: &Type,
    signature: &Signature,
    parameters: &[Parameter<'_>],
    hidden: &TokenStream,
) -> TokenStream {
    let own = own();
    let last = parameters.len().saturating_sub(1);
    // What a generic function asks of its parameters can be less than what the router asks: only there it is known.
    let generic = !signature.generics.params.is_empty();
    let arguments = parameters.iter().enumerate().filter(|(_, parameter)| !generic && is_known(&parameter.argument.ty));
    let arguments = arguments.map(|(index, parameter)| {
        let (conditions, ty) = (parameter.conditions(), &parameter.argument.ty);
        let check = if index < last {
            quote_spanned!(own=> leading_argument::<#state, #ty>())
        } else if known::extractor(ty).is_some() {
            quote_spanned!(own=> body_argument::<#state, #ty>())
        } else {
            quote_spanned!(own=> last_argument::<#state, #ty, _>())
        };
        quote_spanned!(own=> #(#conditions)* #hidden::#check;)
    });
    quote_spanned! {own=>
        const {
            #hidden::state_provides_idempotency::<#state>();
            #(#arguments)*
        }
    }
}

/// Whether a type is the same for every call of the function.
fn is_known(ty: &Type) -> bool {
    struct Known(bool);
    impl<'ast> Visit<'ast> for Known {
        fn visit_type_impl_trait(&mut self, _: &'ast TypeImplTrait) {
            self.0 = false;
        }
        fn visit_ident(&mut self, node: &'ast Ident) {
            // The type of an `impl` block can be generic.
            self.0 &= node != "Self";
            visit::visit_ident(self, node);
        }
    }
    let mut known = Known(true);
    known.visit_type(ty);
    known.0
}
