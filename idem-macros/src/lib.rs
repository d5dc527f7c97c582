//! Compile-time half of idem.
mod args;
mod attribute;
mod errors;
mod expand;
mod fallback;
mod item;
mod model;
mod near;

use proc_macro::TokenStream;

/// x
#[proc_macro_attribute]
pub fn idempotent(args: TokenStream, item: TokenStream) -> TokenStream {
    attribute::attribute(args.into(), item.into()).into()
}
