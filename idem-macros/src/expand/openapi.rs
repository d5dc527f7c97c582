//! What `#[utoipa::path]` is told about a handler. Behind the feature `utoipa`.
//!
//! The attribute gets one more of `responses`, in front, so that those which the user wrote replace it, and one more of
//! `params`, at the end. Both are types of the runtime that are generic over a type which stands beside the handler and
//! holds its contract: what exactly they say is left to the runtime.

use std::borrow::Cow;

use proc_macro2::{Group, Ident, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote_spanned};
use syn::{Attribute, MacroDelimiter, Meta, MetaList, Signature, ext::IdentExt};

use super::{own, route};
use crate::model::{
    Source,
    argument::is_conditional,
    policy::{Http, Key, Policy, Scope},
};

/// The attributes of a handler, and an item to stand beside it.
pub(super) struct Documented<'a> {
    pub(super) attributes: Cow<'a, [Attribute]>,
    pub(super) contract: Option<TokenStream>,
}

/// Adds to the handler's `#[utoipa::path(..)]`, if it has one that can be read.
pub(super) fn documented<'a>(
    attributes: &'a [Attribute],
    signature: &Signature,
    policy: &Policy,
    http: &Http,
    hidden: &TokenStream,
) -> Documented<'a> {
    let plain = Documented { attributes: Cow::Borrowed(attributes), contract: None };
    if !cfg!(feature = "utoipa") {
        return plain;
    }
    let Some((index, list)) = attributes.iter().enumerate().find_map(|(at, each)| Some((at, utoipa_path(each)?)))
    else {
        return plain;
    };
    let contract = format_ident!("__idempotency_{}", signature.ident.unraw(), span = own());
    let of = |kind: &str| {
        let kind = Ident::new(kind, own());
        quote_spanned!(own()=> #hidden::openapi::#kind<#contract>)
    };
    let Some(tokens) = added(&list.tokens, &of("Parameters"), &of("Responses")) else { return plain };

    let params = argument(&list.tokens, "params").map(|group| group.stream()).unwrap_or_default();
    let key = match &policy.key {
        Key::Source(Source::Header(name)) => names(&params, "Header", name),
        Key::Source(Source::Query(name)) => names(&params, "Query", name),
        // The others are no parameters, or part of the route: they are the user's to describe.
        Key::Source(Source::Path(_) | Source::Body(_)) | Key::Expression(_) => true,
    };
    let scope = match &policy.scope {
        Scope::Header(name) => names(&params, "Header", name),
        Scope::None | Scope::Expression(_) => true,
    };
    let item = contract_item(&contract, attributes, policy, http, (!key, !scope), hidden);

    let mut attributes = attributes.to_vec();
    attributes[index].meta = Meta::List(MetaList { tokens, ..list.clone() });
    Documented { attributes: Cow::Owned(attributes), contract: Some(item) }
}

/// The arguments of `#[utoipa::path(..)]`. Not those of `#[path(..)]`: after `use utoipa::path` it would be ambiguous,
/// because Rust has a `path` of its own.
fn utoipa_path(attribute: &Attribute) -> Option<&MetaList> {
    let segments = &attribute.path().segments;
    let named = segments.len() == 2 && segments[0].ident == "utoipa" && segments[1].ident == "path";
    match &attribute.meta {
        Meta::List(list) if named && matches!(list.delimiter, MacroDelimiter::Paren(_)) => Some(list),
        _ => None,
    }
}

/// The type that stands beside the handler, as conditional as the handler is.
fn contract_item(
    name: &Ident,
    attributes: &[Attribute],
    policy: &Policy,
    http: &Http,
    (describe_key, describe_scope): (bool, bool),
    hidden: &TokenStream,
) -> TokenStream {
    let conditions: Vec<_> = attributes.iter().filter(|attribute| is_conditional(attribute)).collect();
    let (key, scope) = (route::key(&policy.key, hidden), route::scope(&policy.scope, hidden));
    let missing = route::option(http.missing.map(|missing| route::missing(missing, hidden)));
    let on_failure = route::option(policy.on_failure.map(|on_failure| route::on_failure(on_failure, hidden)));
    quote_spanned! {own()=>
        #(#conditions)*
        struct #name;
        #(#conditions)*
        impl #hidden::openapi::HasContract for #name {
            const CONTRACT: #hidden::openapi::Contract = #hidden::openapi::Contract {
                key: #hidden::KeySource::#key,
                scope: #hidden::ScopeSource::#scope,
                missing: #missing,
                on_failure: #on_failure,
                describe_key: #describe_key,
                describe_scope: #describe_scope,
            };
        }
    }
}

/// The arguments with one more type in `params(..)` and in `responses(..)`, each of which is there only once. Everything
/// else stays the user's own tokens. `None` if they cannot be told apart: utoipa says what is wrong with them.
fn added(arguments: &TokenStream, parameters: &TokenStream, responses: &TokenStream) -> Option<TokenStream> {
    let mut tokens: Vec<TokenTree> = arguments.clone().into_iter().collect();
    let mut absent = TokenStream::new();
    match position(&tokens, "params") {
        Position::At(at) => {
            let group = group(&tokens[at])?;
            let mut content = group.stream();
            if !ends_an_item(content.clone()) {
                content.extend(quote_spanned!(own()=> ,));
            }
            content.extend(parameters.clone());
            tokens[at] = regrouped(group, content);
        }
        Position::Absent => absent.extend(quote_spanned!(own()=> params(#parameters),)),
        Position::Malformed => return None,
    }
    match position(&tokens, "responses") {
        Position::At(at) => {
            let group = group(&tokens[at])?;
            let users = group.stream();
            tokens[at] = regrouped(group, quote_spanned!(own()=> #responses, #users));
        }
        Position::Absent => absent.extend(quote_spanned!(own()=> responses(#responses),)),
        Position::Malformed => return None,
    }
    let mut tokens: TokenStream = tokens.into_iter().collect();
    if !absent.is_empty() && !ends_an_item(tokens.clone()) {
        tokens.extend(quote_spanned!(own()=> ,));
    }
    tokens.extend(absent);
    Some(tokens)
}

/// Where the parentheses of an argument are.
enum Position {
    At(usize),
    Absent,
    Malformed,
}

/// Finds `name(..)` at the begin of an argument. Of two, utoipa takes the last.
fn position(tokens: &[TokenTree], name: &str) -> Position {
    let begins = |at: &usize| *at == 0 || is_comma(&tokens[at - 1]);
    let mut found =
        (0..tokens.len()).filter(begins).filter(|at| matches!(&tokens[*at], TokenTree::Ident(word) if word == name));
    match found.next_back() {
        None => Position::Absent,
        Some(at) if tokens.get(at + 1).and_then(group).is_some() => Position::At(at + 1),
        Some(_) => Position::Malformed,
    }
}

fn argument(arguments: &TokenStream, name: &str) -> Option<Group> {
    let tokens: Vec<TokenTree> = arguments.clone().into_iter().collect();
    match position(&tokens, name) {
        Position::At(at) => group(&tokens[at]).cloned(),
        Position::Absent | Position::Malformed => None,
    }
}

/// Whether `params(..)` has `("NAME" .., PLACE, ..)`. The names of headers are the same in either case (RFC 9110,
/// section 5.1), those of query parameters are not.
fn names(params: &TokenStream, place: &str, name: &str) -> bool {
    params.clone().into_iter().filter_map(|token| group(&token).cloned()).any(|parameter| {
        let mut tokens = parameter.stream().into_iter();
        let literal = tokens.next().map(TokenTree::into_token_stream);
        let Some(literal) = literal.and_then(|token| syn::parse2::<syn::LitStr>(token).ok()) else { return false };
        let same = if place == "Header" { literal.value().eq_ignore_ascii_case(name) } else { literal.value() == name };
        same && tokens.any(|token| matches!(token, TokenTree::Ident(word) if word == place))
    })
}

fn group(token: &TokenTree) -> Option<&Group> {
    match token {
        TokenTree::Group(group) if group.delimiter() == proc_macro2::Delimiter::Parenthesis => Some(group),
        _ => None,
    }
}

fn regrouped(group: &Group, content: TokenStream) -> TokenTree {
    let mut regrouped = Group::new(group.delimiter(), content);
    regrouped.set_span(group.span());
    regrouped.into()
}

/// Whether another item can follow without a comma.
fn ends_an_item(tokens: TokenStream) -> bool {
    tokens.into_iter().last().is_none_or(|last| is_comma(&last))
}

fn is_comma(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(sign) if sign.as_char() == ',')
}
