//! Expressions over the handler's arguments, evaluated by reference before the claim.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, Group, Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Expr, ExprReference, ExprTuple, Token};

use super::{output::ends, own, own_at, pattern::borrowed, rebind::Parameter};
use crate::model::{
    Evaluated,
    argument::{bindings, binds},
    policy::{Fingerprint, Key, Policy, Scope},
};

/// The bindings that the options name: they are used, even if the body does not use them.
pub(super) fn names(policy: &Policy) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    if let Key::Expression(key) = &policy.key {
        names.extend(key.names.iter().cloned());
    }
    if let Scope::Expression(scope) = &policy.scope {
        names.extend(scope.names.iter().cloned());
    }
    if let Fingerprint::Expression(fingerprint) = &policy.fingerprint {
        names.extend(fingerprint.names.iter().cloned());
    }
    names
}

/// Statements that bind `__arguments` to the values of all expressions, each added to `none`.
pub(super) fn arguments(policy: &Policy, parameters: &[Parameter<'_>], none: &TokenStream) -> TokenStream {
    let mut values = Vec::new();
    if let Key::Expression(key) = &policy.key {
        values.push(value("key", key, parameters));
    }
    if let Scope::Expression(scope) = &policy.scope {
        values.push(value("scope", scope, parameters));
    }
    if let Fingerprint::Expression(fingerprint) = &policy.fingerprint {
        values.push(value("fingerprint", fingerprint, parameters));
    }
    quote_spanned! {own()=>
        let __arguments = #none;
        #(#values)*
    }
}

/// Adds one value. Temporaries of the expression end with its statement, in every edition.
fn value(option: &str, evaluated: &Evaluated, parameters: &[Parameter<'_>]) -> TokenStream {
    let expression = &evaluated.expression;
    let bound = bound(&evaluated.names, parameters);
    let method = Ident::new(option, own_at(ends(expression).0));
    let reference = by_reference(expression);
    quote_spanned! {own()=>
        let __arguments = {
            #(#bound)*
            let __arguments = __arguments.#method(#reference);
            __arguments
        };
    }
}

/// A statement that binds `__store` to what the expression lends, and `__transactions` if it is transactions.
pub(super) fn store(
    evaluated: &Evaluated,
    parameters: &[Parameter<'_>],
    transactional: bool,
    hidden: &TokenStream,
) -> TokenStream {
    let own = own();
    let expression = &evaluated.expression;
    let bound = bound(&evaluated.names, parameters);
    let (pattern, lent) = if transactional {
        (quote_spanned!(own=> (__store, __transactions)), quote_spanned!(own=> transactions))
    } else {
        (quote_spanned!(own=> __store), quote_spanned!(own=> idempotency))
    };
    quote_spanned! {own=>
        let #pattern = {
            #(#bound)*
            let __store = #hidden::#lent(#expression);
            __store
        };
    }
}

/// Statements that bind by reference what an expression names.
fn bound(names: &BTreeSet<String>, parameters: &[Parameter<'_>]) -> Vec<TokenStream> {
    let bound = parameters.iter().filter(|parameter| binds(&parameter.argument.pattern, names)).map(|parameter| {
        let conditions = parameter.conditions();
        let pattern = borrowed(&parameter.argument.pattern, names);
        let name = &parameter.name;
        // Names are searched in tokens, where a local of the expression can be taken for one: then it is used here.
        let used = bindings(&pattern);
        let conditions: Vec<_> = conditions.collect();
        quote_spanned!(own()=> #(#conditions)* let #pattern = &#name; #(#conditions)* let _ = (#(&#used,)*);)
    });
    bound.collect()
}

/// A tuple of places borrows each of them: none can be moved out of an argument.
fn by_reference(expression: &Expr) -> TokenStream {
    match expression {
        Expr::Tuple(ExprTuple { elems, .. }) if !elems.is_empty() => {
            let each = elems.iter().map(by_reference);
            let (start, end) = ends(expression);
            let mut tuple = Group::new(Delimiter::Parenthesis, quote_spanned!(own()=> #(#each,)*));
            tuple.set_span(own_at(end));
            quote_spanned!(own_at(start)=> &#tuple)
        }
        // Parentheses of our own, where they are needed: those of `syn` would have errors shown at the whole attribute.
        other @ (Expr::Binary(_) | Expr::Cast(_) | Expr::Range(_) | Expr::Assign(_) | Expr::Closure(_)) => {
            let (start, end) = ends(other);
            let mut whole = Group::new(Delimiter::Parenthesis, quote!(#other));
            whole.set_span(own_at(end));
            quote_spanned!(own_at(start)=> &#whole)
        }
        other => {
            let and_token = Token![&](own_at(ends(other).0));
            let expr = Box::new(other.clone());
            let reference = ExprReference { attrs: Vec::new(), and_token, mutability: None, expr };
            quote!(#reference)
        }
    }
}
