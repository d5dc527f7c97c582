//! The option loop: every mistake is reported at its own tokens, and reading goes on after the next comma.

use std::collections::BTreeMap;

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{
    Expr, Ident, Token,
    ext::IdentExt,
    parse::{ParseStream, Parser, discouraged::Speculative},
    token,
};

use super::{
    Name, Options, Slot,
    value::{self, Value},
    word::{self, Word},
};
use crate::{attribute::Kind, errors::Errors};

/// Reads the options. What cannot be read is reported and left out.
pub(crate) fn parse(kind: Kind, tokens: TokenStream, errors: &mut Errors) -> Options {
    let mut reader = Reader { kind, options: Options::new(), first: BTreeMap::new(), errors };
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
    kind: Kind,
    options: Options,
    /// Where each option is named first.
    first: BTreeMap<Name, TokenStream>,
    errors: &'a mut Errors,
}

impl Reader<'_> {
    /// Reads one option and the comma after it.
    fn option(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        if let Some(comma) = input.parse::<Option<Token![,]>>()? {
            self.errors.at(comma, "an option is missing before this comma, or it is one comma too many");
            return Ok(());
        }
        let Some(word) = word::read(input)? else {
            let skipped = to_comma(input)?;
            let message = format!("expected the name of an option, as in `ttl = {}`", Name::Ttl.example());
            self.errors.at(skipped, message);
            self.options.lost = true;
            return comma(input);
        };
        let Some(name) = self.known(&word) else {
            if equals(input)?.is_some() {
                value::skip(input);
            }
            to_comma(input)?;
            return comma(input);
        };
        let again = self.again(name, &word.tokens);
        match self.value(input, name, &word.tokens)? {
            Some(value) if !again => self.give(name, value),
            None if !again => self.options.mark_broken(name),
            _ => {}
        }
        comma(input)
    }

    /// The option that a name says. A name that says none is reported.
    fn known(&mut self, word: &Word) -> Option<Name> {
        let Word { tokens, text, last } = word;
        let names = self.kind.names();
        if let Some(name) = Name::find(text, names) {
            return Some(name);
        }
        if let Some(name) = last.as_ref().and_then(|last| Name::find(last, names)) {
            self.errors.at(tokens, format!("an option is one word: write `{}`", name.text()));
            return Some(name);
        }
        let last = last.as_ref().unwrap_or(text);
        let message = if let Some(reason) = self.kind.refuses(last) {
            format!("there is no option `{text}`: {reason}")
        } else if let Some(meant) = Name::meant(last, names) {
            // The option that was meant is not missing as well.
            if self.options.is_absent(meant) {
                self.options.mark_broken(meant);
            }
            format!("there is no option `{text}`, did you mean `{}`?", meant.text())
        } else {
            let names: Vec<_> = names.iter().map(|name| format!("`{}`", name.text())).collect();
            format!("there is no option `{text}`, the options are {}", names.join(", "))
        };
        self.errors.at(tokens, message);
        None
    }

    /// Reads the value of a known option up to the next comma.
    fn value(&mut self, input: ParseStream<'_>, name: Name, ident: &TokenStream) -> syn::Result<Option<Value>> {
        let text = name.text();
        let right = format!("`{text} = {example}`", example = self.kind.example(name));
        if at_end(input) {
            self.errors.at(ident, format!("`{text}` needs a value: write {right}"));
            return Ok(None);
        }
        let called = input.peek(token::Paren);
        let sign = equals(input)?;
        match &sign {
            Some(Equals::Right(sign)) if at_end(input) => {
                self.errors.at(Pair(ident, sign), format!("`{text} =` has no value: write {right}"));
                return Ok(None);
            }
            Some(Equals::Right(_)) => {}
            Some(Equals::Wrong(sign, said)) => {
                self.errors.at(sign, format!("`{text}` takes `=`, not `{said}`: write {right}"));
            }
            None if called => {
                self.errors.at(Pair(ident, &to_comma(input)?), format!("`{text}` takes `=`: write {right}"));
                return Ok(None);
            }
            None => self.errors.at(ident, format!("`=` is missing after `{text}`: write {right}")),
        }
        if at_end(input) {
            return Ok(None);
        }
        let ahead = input.fork();
        let value = match value::read(&ahead, self.kind, name) {
            Ok(value) => value,
            Err(error) => {
                let skipped = to_comma(input)?;
                // After a wrong sign, what follows need not be a value.
                if matches!(sign, Some(Equals::Right(_))) {
                    self.errors.at(skipped, format!("`{text}`: {error}"));
                }
                return Ok(None);
            }
        };
        input.advance_to(&ahead);
        if let Value::Expression(Expr::Assign(assign)) = &value {
            let message = format!("`{text} =` has no value before this, or a comma is missing: write {right}");
            self.errors.at(&assign.left, message);
            if let Expr::Path(path) = &*assign.left
                && let Some(other) = path.path.get_ident()
                && let Some(other) = Name::find(&other.to_string(), self.kind.names())
                && self.options.is_absent(other)
            {
                self.options.mark_broken(other);
            }
            return Ok(None);
        }
        if at_end(input) {
            return Ok(Some(value));
        }
        if let Some(sign) = input.parse::<Option<Token![;]>>()? {
            self.errors.at(sign, "options are separated by commas: write `,`");
            return Ok(Some(value));
        }
        if input.peek(Ident::peek_any) && input.peek2(Token![=]) {
            let next = Ident::parse_any(&input.fork())?;
            self.errors.at(&next, format!("a comma is missing before `{next}`"));
            return Ok(Some(value));
        }
        let skipped = to_comma(input)?;
        self.errors.at(skipped, format!("unexpected after the value of `{text}`: options are separated by commas"));
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

    /// Whether the option was named before. Then the error runs from the first place to this one.
    fn again(&mut self, name: Name, word: &TokenStream) -> bool {
        let Some(first) = self.first.get(&name) else {
            self.first.insert(name, word.clone());
            return false;
        };
        self.errors.at(Pair(first, word), format!("`{}` is given twice: keep one", name.text()));
        true
    }
}

enum Equals {
    Right(Token![=]),
    /// What others write, taken for `=` so that the value is read.
    Wrong(TokenStream, &'static str),
}

fn equals(input: ParseStream<'_>) -> syn::Result<Option<Equals>> {
    macro_rules! wrong {
        ($($sign:tt)+) => {$(
            if input.peek(Token![$sign]) {
                let sign: Token![$sign] = input.parse()?;
                return Ok(Some(Equals::Wrong(quote!(#sign), stringify!($sign))));
            }
        )+};
    }
    wrong!(== => -> <- += :: );
    if input.peek(Token![:]) {
        let colon: Token![:] = input.parse()?;
        return Ok(Some(match input.parse::<Option<Token![=]>>()? {
            Some(sign) => Equals::Wrong(quote!(#colon #sign), ":="),
            None => Equals::Wrong(quote!(#colon), ":"),
        }));
    }
    Ok(input.parse::<Option<Token![=]>>()?.map(Equals::Right))
}

pub(super) fn at_end(input: ParseStream<'_>) -> bool {
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
