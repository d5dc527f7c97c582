//! The option loop: every mistake is reported at its own tokens, and reading goes on after the next comma.

use std::collections::BTreeMap;

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{
    Expr, ExprPath, Ident, LitBool, LitStr, Path, Token, Type,
    ext::IdentExt,
    parse::{ParseStream, Parser, discouraged::Speculative},
    token,
};

use super::{Name, Options, Slot};
use crate::errors::Errors;

/// Reads the options. What cannot be read is reported and left out.
pub(crate) fn parse(tokens: TokenStream, errors: &mut Errors) -> Options {
    let mut reader = Reader { options: Options::new(), first: BTreeMap::new(), errors };
    let read = |input: ParseStream<'_>| {
        while !input.is_empty() {
            reader.option(input)?;
        }
        Ok(())
    };
    let read = read.parse2(tokens);
    let Reader { options, .. } = reader;
    if let Err(error) = read {
        errors.push(error);
    }
    options
}

struct Reader<'a> {
    options: Options,
    /// Where each option is named first.
    first: BTreeMap<Name, First>,
    errors: &'a mut Errors,
}

struct First {
    ident: Ident,
    marked: bool,
}

/// A value as its option takes it.
enum Value {
    Expression(Expr),
    State(Type),
    Crate(Path),
}

impl Reader<'_> {
    /// Reads one option and the comma after it.
    fn option(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        if let Some(comma) = input.parse::<Option<Token![,]>>()? {
            self.errors.at(comma, "an option is missing before this comma");
            return Ok(());
        }
        if !input.peek(Ident::peek_any) {
            let skipped = to_comma(input)?;
            let message = format!("expected the name of an option, as in `ttl = {}`", Name::Ttl.example());
            self.errors.at(skipped, message);
            self.options.lost = true;
            return comma(input);
        }
        let ident = Ident::parse_any(input)?;
        let mut text = ident.unraw().to_string();
        let mut written = ident.to_token_stream();
        // `replay-status` is one name, if not a right one.
        while input.peek(Token![-]) && input.peek2(Ident::peek_any) {
            written.extend(input.parse::<Token![-]>()?.to_token_stream());
            let part = Ident::parse_any(input)?;
            text = format!("{text}-{part}");
            part.to_tokens(&mut written);
        }
        let Some(name) = Name::find(&text) else {
            self.unknown(written, &text);
            if equals(input)?.is_some() {
                unknown_value(input);
            }
            to_comma(input)?;
            return comma(input);
        };
        let again = self.again(name, &ident);
        match self.value(input, name, &ident)? {
            Some(value) if !again => self.give(name, value),
            None if !again => self.options.mark_broken(name),
            _ => {}
        }
        comma(input)
    }

    /// Reads the value of a known option up to the next comma.
    fn value(&mut self, input: ParseStream<'_>, name: Name, ident: &Ident) -> syn::Result<Option<Value>> {
        let right = format!("`{name} = {example}`", name = name.text(), example = name.example());
        if at_end(input) {
            self.errors.at(ident, format!("`{ident}` needs a value: write {right}"));
            return Ok(None);
        }
        let called = input.peek(token::Paren);
        match equals(input)? {
            Some(Equals::Right(sign)) if at_end(input) => {
                self.errors.at(Pair(ident, &sign), format!("`{ident} =` has no value: write {right}"));
                return Ok(None);
            }
            Some(Equals::Right(_)) => {}
            Some(Equals::Wrong(sign)) => self.errors.at(&sign, format!("an option takes `=`, not `{sign}`")),
            None if called => {
                self.errors.at(Pair(ident, &to_comma(input)?), format!("an option takes `=`: write {right}"));
                return Ok(None);
            }
            None => self.errors.at(ident, format!("`=` is missing after `{ident}`: write {right}")),
        }
        if at_end(input) {
            return Ok(None);
        }
        let ahead = input.fork();
        let value = match read_value(&ahead, name) {
            Ok(value) => value,
            Err(error) => {
                let skipped = to_comma(input)?;
                self.errors.at(skipped, format!("`{ident}`: {error}"));
                return Ok(None);
            }
        };
        input.advance_to(&ahead);
        if let Value::Expression(Expr::Assign(assign)) = &value {
            let message = format!("`{ident} =` has no value before this, or a comma is missing: write {right}");
            self.errors.at(&assign.left, message);
            if let Expr::Path(path) = &*assign.left
                && let Some(other) = path.path.get_ident().and_then(|other| Name::find(&other.to_string()))
                && self.options.is_absent(other)
            {
                self.options.mark_broken(other);
            }
            return Ok(None);
        }
        if at_end(input) {
            return Ok(Some(value));
        }
        if input.peek(Ident::peek_any) && input.peek2(Token![=]) {
            let next = Ident::parse_any(&input.fork())?;
            self.errors.at(&next, format!("a comma is missing before `{next}`"));
            return Ok(Some(value));
        }
        let skipped = to_comma(input)?;
        self.errors.at(skipped, format!("unexpected after the value of `{ident}`: options are separated by commas"));
        Ok(None)
    }

    fn give(&mut self, name: Name, value: Value) {
        match value {
            Value::Expression(value) => {
                self.options.expressions.insert(name, Slot::Given(value));
            }
            Value::State(value) => self.options.state = Slot::Given(value),
            Value::Crate(value) => self.options.runtime = Slot::Given(value),
        }
    }

    /// Whether the option was named before. Then both places are marked.
    fn again(&mut self, name: Name, ident: &Ident) -> bool {
        let Some(first) = self.first.get_mut(&name) else {
            self.first.insert(name, First { ident: ident.clone(), marked: false });
            return false;
        };
        if !first.marked {
            first.marked = true;
            self.errors.at(&first.ident, format!("`{ident}` is given here first"));
        }
        self.errors.at(ident, format!("`{ident}` is given again: an option is given once"));
        true
    }

    fn unknown(&mut self, written: TokenStream, text: &str) {
        let Some(meant) = Name::meant(text) else {
            let names: Vec<_> = Name::texts().map(|name| format!("`{name}`")).collect();
            self.errors.at(written, format!("there is no option `{text}`, the options are {}", names.join(", ")));
            return;
        };
        self.errors.at(written, format!("there is no option `{text}`, did you mean `{}`?", meant.text()));
        // The option that was meant is not missing as well.
        if self.options.is_absent(meant) {
            self.options.mark_broken(meant);
        }
    }
}

enum Equals {
    Right(Token![=]),
    /// `:` or `==`, which is taken for `=` so that the value is read.
    Wrong(TokenStream),
}

fn equals(input: ParseStream<'_>) -> syn::Result<Option<Equals>> {
    if input.peek(Token![==]) {
        let sign: Token![==] = input.parse()?;
        return Ok(Some(Equals::Wrong(quote!(#sign))));
    }
    if input.peek(Token![:]) && !input.peek(Token![::]) {
        let sign: Token![:] = input.parse()?;
        return Ok(Some(Equals::Wrong(quote!(#sign))));
    }
    Ok(input.parse::<Option<Token![=]>>()?.map(Equals::Right))
}

fn read_value(input: ParseStream<'_>, name: Name) -> syn::Result<Value> {
    match name {
        Name::State | Name::Crate if input.peek(LitStr) => {
            let text: LitStr = input.parse()?;
            Err(syn::Error::new(text.span(), format!("write `{} = {}`, without quotes", name.text(), text.value())))
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
        _ => input.parse().map(Value::Expression),
    }
}

/// Passes over the value of an unknown option: its commas, as in `Map<K, V>`, separate no options.
fn unknown_value(input: ParseStream<'_>) {
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

fn at_end(input: ParseStream<'_>) -> bool {
    input.is_empty() || input.peek(Token![,])
}

/// The tokens up to the next comma that stands outside of any brackets.
fn to_comma(input: ParseStream<'_>) -> syn::Result<TokenStream> {
    let mut skipped = TokenStream::new();
    while !at_end(input) {
        skipped.extend([input.parse::<TokenTree>()?]);
    }
    Ok(skipped)
}

fn comma(input: ParseStream<'_>) -> syn::Result<()> {
    input.parse::<Option<Token![,]>>().map(drop)
}

/// Two neighbours, for an error that spans both.
struct Pair<'a, A, B>(&'a A, &'a B);

impl<A: ToTokens, B: ToTokens> ToTokens for Pair<'_, A, B> {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.0.to_tokens(tokens);
        self.1.to_tokens(tokens);
    }
}
