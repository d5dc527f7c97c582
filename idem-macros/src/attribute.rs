//! The attribute from end to end: args, model, expand, or the fallback beside the errors.

use proc_macro2::TokenStream;

use crate::{args, errors::Errors, expand, fallback, item, model};

/// Expands `#[idempotent(args)] item`.
pub(crate) fn attribute(args: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    match read(args, item.clone(), &mut errors) {
        Some(model) => expand::expand(&model),
        None => fallback::fallback(item, &errors),
    }
}

/// The model, or at least one error.
pub(crate) fn read(args: TokenStream, item: TokenStream, errors: &mut Errors) -> Option<model::Model> {
    let options = args::parse(args, errors);
    let function = item::parse(item).map_err(|error| errors.push(error)).ok();
    model::check(&options, function, errors)
}
