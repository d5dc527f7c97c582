//! Values as their options take them: expressions, a type, a path.

use syn::{
    Expr, ExprPath, Ident, LitBool, LitStr, Path, Token, Type,
    ext::IdentExt,
    parse::{ParseStream, discouraged::Speculative},
};

use super::{Name, parse::at_end};
use crate::attribute::Kind;

/// A value as its option takes it.
pub(super) enum Value {
    Expression(Expr),
    State(Type),
    Crate(Path),
}

/// Reads a value in the form that its option takes.
pub(super) fn read(input: ParseStream<'_>, kind: Kind, name: Name) -> syn::Result<Value> {
    match name {
        Name::State | Name::Crate if input.peek(LitStr) => {
            let text: LitStr = input.parse()?;
            let meant = text.value().replace('-', "_");
            let meant = if syn::parse_str::<Path>(&meant).is_ok() { &meant } else { name.example() };
            Err(syn::Error::new(text.span(), format!("write `{} = {meant}`, without quotes", name.text())))
        }
        Name::State => input.parse().map(Value::State).map_err(|error| expected("a type", name, &error)),
        Name::Crate => {
            input.call(Path::parse_mod_style).map(Value::Crate).map_err(|error| expected("a path", name, &error))
        }
        // A keyword, as in `record = final`: the value's judge knows that its quotes are missing.
        _ if is_keyword(input) => {
            let path = Ident::parse_any(input)?.into();
            Ok(Value::Expression(Expr::Path(ExprPath { attrs: Vec::new(), qself: None, path })))
        }
        _ => input.parse().map(Value::Expression).map_err(|error| {
            syn::Error::new(error.span(), format!("{error}, write `{} = {}`", name.text(), kind.example(name)))
        }),
    }
}

/// Passes over the value of an unknown option: its commas, as in `Map<K, V>`, separate no options.
pub(super) fn skip(input: ParseStream<'_>) {
    let ahead = input.fork();
    if ahead.parse::<Type>().is_ok() && at_end(&ahead) {
        input.advance_to(&ahead);
        return;
    }
    let ahead = input.fork();
    if ahead.parse::<Expr>().is_ok() && at_end(&ahead) {
        input.advance_to(&ahead);
    }
}

/// An error for a reader of the attribute, instead of a list of tokens.
fn expected(what: &str, name: Name, error: &syn::Error) -> syn::Error {
    syn::Error::new(error.span(), format!("expected {what}, as in `{} = {}`", name.text(), name.example()))
}

/// Whether the value is one keyword that is no value.
fn is_keyword(input: ParseStream<'_>) -> bool {
    let single = input.peek2(Token![,]) || input.cursor().token_tree().is_some_and(|(_, rest)| rest.eof());
    single && input.peek(Ident::peek_any) && !input.peek(Ident) && !input.peek(LitBool)
}
