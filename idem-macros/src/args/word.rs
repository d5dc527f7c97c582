//! An option's name as it is written, also where it is more than one word.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Ident, Token, ext::IdentExt, parse::ParseStream};

/// A name, or what was meant to be one: `replay-status`, `idem::ttl`.
pub(super) struct Word {
    pub(super) tokens: TokenStream,
    pub(super) text: String,
    /// The last word of a path.
    pub(super) last: Option<String>,
}

/// Reads a name, if there is one.
pub(super) fn read(input: ParseStream<'_>) -> syn::Result<Option<Word>> {
    let mut word = Word { tokens: TokenStream::new(), text: String::new(), last: None };
    if input.peek(Token![::]) && input.peek3(Ident::peek_any) {
        word.joins(input.parse::<Token![::]>()?, "::");
    } else if !input.peek(Ident::peek_any) {
        return Ok(None);
    }
    loop {
        let part = Ident::parse_any(input)?;
        part.to_tokens(&mut word.tokens);
        let part = part.unraw().to_string();
        word.text.push_str(&part);
        if word.text.contains([':', '.']) {
            word.last = Some(part);
        }
        if input.peek(Token![-]) && input.peek2(Ident::peek_any) {
            word.joins(input.parse::<Token![-]>()?, "-");
        } else if input.peek(Token![.]) && input.peek2(Ident::peek_any) {
            word.joins(input.parse::<Token![.]>()?, ".");
        } else if input.peek(Token![::]) && input.peek3(Ident::peek_any) {
            word.joins(input.parse::<Token![::]>()?, "::");
        } else {
            return Ok(Some(word));
        }
    }
}

impl Word {
    fn joins(&mut self, sign: impl ToTokens, text: &str) {
        sign.to_tokens(&mut self.tokens);
        self.text.push_str(text);
    }
}
