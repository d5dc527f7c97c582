//! Parameters of the emitted function, bound again to the user's patterns within the body.

use std::collections::BTreeSet;

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{Attribute, Pat, ext::IdentExt};

use super::own;
use crate::model::argument::{Argument, bindings, is_conditional, text};

/// An argument with the name of its parameter.
pub(super) struct Parameter<'a> {
    pub(super) argument: &'a Argument,
    pub(super) name: Ident,
}

/// Names every parameter. An argument with one binding lends its name, which is what documentation shows.
pub(super) fn parameters(arguments: &[Argument]) -> Vec<Parameter<'_>> {
    let named = |(index, argument): (usize, &Argument)| {
        let mut name = match bindings(&argument.pattern).as_slice() {
            [name] if is_plain(&text(name)) => name.clone(),
            _ => format_ident!("__arg{index}"),
        };
        name.set_span(own());
        name
    };
    arguments.iter().enumerate().map(|each| Parameter { argument: each.1, name: named(each) }).collect()
}

/// Whether a name cannot meet the macro's own, nor the lint about names that are not in snake case.
fn is_plain(name: &str) -> bool {
    !name.starts_with("__") && name.chars().all(|letter| letter.is_lowercase() || letter.is_numeric() || letter == '_')
}

impl Parameter<'_> {
    /// What stays on the parameter: everything but the lints, which are about the pattern.
    pub(super) fn attributes_of_parameter(&self) -> Vec<Attribute> {
        self.argument.attributes.iter().filter(|attribute| !is_lint(attribute)).cloned().collect()
    }

    /// The conditions under which the argument exists.
    pub(super) fn conditions(&self) -> impl Iterator<Item = &Attribute> {
        self.argument.attributes.iter().filter(|attribute| is_conditional(attribute))
    }

    /// Binds the user's pattern. The whole value moves into the body first, so that what the pattern leaves out
    /// lives as long as the body, as the arguments of a function do.
    pub(super) fn rebind(&self, named: &BTreeSet<String>) -> TokenStream {
        let Self { argument, name } = self;
        let conditions: Vec<_> = self.conditions().collect();
        let pattern = &argument.pattern;
        let lints = argument.attributes.iter().filter(|attribute| is_lint(attribute));
        // What an option names is used, even if the body does not use it.
        let used = bindings(pattern).into_iter().filter(|binding| named.contains(&text(binding)));
        let used = used.map(|binding| quote_spanned!(own()=> #(#conditions)* let _ = &#binding;));
        // `let _order = order;` does have an effect: the argument lives as long as the body.
        let kept = matches!(pattern, Pat::Ident(binding) if text(&binding.ident).starts_with('_'));
        let kept = kept.then(|| quote_spanned!(own()=> #[allow(clippy::no_effect_underscore_binding)]));
        let rebound = quote_spanned!(own()=> #(#conditions)* #kept #(#lints)* let #pattern = #name; #(#used)*);
        match pattern {
            Pat::Ident(ident) if ident.subpat.is_none() && ident.by_ref.is_none() => rebound,
            Pat::Wild(_) => {
                let kept = format_ident!("_{}", name.unraw(), span = own());
                quote_spanned!(own()=> #(#conditions)* let #kept = #name;)
            }
            _ => {
                let kept = quote_spanned!(own()=> #(#conditions)* let #name = #name;);
                quote!(#kept #rebound)
            }
        }
    }
}

fn is_lint(attribute: &Attribute) -> bool {
    const LEVELS: [&str; 5] = ["allow", "expect", "warn", "deny", "forbid"];
    let path = attribute.path();
    LEVELS.iter().any(|level| path.is_ident(level)) || (path.is_ident("cfg_attr") && !is_conditional(attribute))
}
