//! The annotated function: its signature is read, its body stays raw tokens, so that a half-typed body expands too.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{
    Attribute, Signature, Token, Visibility,
    parse::{ParseStream, Parser, discouraged::Speculative},
};

use crate::attribute::Kind;

/// A function as it is written.
pub(crate) struct Function {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    /// The attributes at the top of the body: `#![allow(..)]`.
    pub(crate) inner: Vec<Attribute>,
    /// The body without them. If there are none, it is the very token of the source: a copy would lose where its
    /// braces are, and what is wrong within would be reported once more.
    pub(crate) body: Group,
}

/// Reads the function that an attribute stands on.
pub(crate) fn parse(kind: Kind, tokens: TokenStream) -> syn::Result<Function> {
    let name_the_fault = tokens.clone();
    let function = |input: ParseStream<'_>| parse_function(kind, input);
    function
        .parse2(tokens)
        .map_err(|error| if is_function(&name_the_fault) { error } else { foreign(kind, name_the_fault) })
}

fn parse_function(kind: Kind, input: ParseStream<'_>) -> syn::Result<Function> {
    let attributes = input.call(Attribute::parse_outer)?;
    let visibility = input.parse()?;
    let signature: Signature = input.parse()?;
    if input.peek(Token![;]) {
        let (name, attribute) = (&signature.ident, kind.name());
        let message = format!("`{name}` has no body: `#[{attribute}]` goes on the function, not on its declaration");
        return Err(syn::Error::new_spanned(input.parse::<Token![;]>()?, message));
    }
    let body = match input.parse()? {
        TokenTree::Group(body) if body.delimiter() == Delimiter::Brace => body,
        other => return Err(syn::Error::new_spanned(other, "expected the function's body")),
    };
    let (inner, content) = inner_attributes(body.stream());
    let body = if inner.is_empty() { body } else { braced(content, body.span()) };
    Ok(Function { attributes, visibility, signature, inner, body })
}

fn braced(content: TokenStream, span: Span) -> Group {
    let mut group = Group::new(Delimiter::Brace, content);
    group.set_span(span);
    group
}

fn inner_attributes(body: TokenStream) -> (Vec<Attribute>, TokenStream) {
    let split = |input: ParseStream<'_>| {
        let ahead = input.fork();
        let inner = ahead.call(Attribute::parse_inner).inspect(|_| input.advance_to(&ahead)).unwrap_or_default();
        Ok((inner, input.parse::<TokenStream>()?))
    };
    split.parse2(body.clone()).unwrap_or((Vec::new(), body))
}

/// Whether the tokens are a function, however broken.
fn is_function(tokens: &TokenStream) -> bool {
    for token in tokens.clone() {
        match token {
            TokenTree::Ident(word) if word == "fn" => return true,
            // What holds functions is no function.
            TokenTree::Ident(word)
                if ["impl", "trait", "type", "static", "use", "mod"].iter().any(|other| word == other) =>
            {
                return false;
            }
            TokenTree::Punct(sign) if matches!(sign.as_char(), '=' | ';') => return false,
            _ => {}
        }
    }
    false
}

fn foreign(kind: Kind, tokens: TokenStream) -> syn::Error {
    let message = match kind {
        Kind::Handler => "`#[idempotent]` goes on an `async fn` that handles requests",
        Kind::Function => "`#[idempotent_fn]` goes on an `async fn`",
    };
    let skip_attributes = |input: ParseStream<'_>| {
        input.call(Attribute::parse_outer)?;
        input.parse::<TokenStream>()
    };
    let item = skip_attributes.parse2(tokens.clone()).unwrap_or(tokens);
    // The first word is enough to find it: an item can be long.
    syn::Error::new_spanned(item.into_iter().next(), message)
}

impl ToTokens for Function {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self { attributes, visibility, signature, inner, body } = self;
        tokens.extend(quote!(#(#attributes)* #visibility #signature));
        if inner.is_empty() {
            body.to_tokens(tokens);
        } else {
            let content = body.stream();
            braced(quote!(#(#inner)* #content), body.span()).to_tokens(tokens);
        }
    }
}
