//! The form in which an option's value is written, to tell `ttl = 3600` from `ttl = "1h"`.

use syn::{Expr, Lit, LitStr, UnOp, ext::IdentExt};

use super::quantity::Malformed;

/// The form of a value.
pub(crate) enum Written<'a> {
    Text(&'a LitStr),
    /// A number as it is written, with the unit that Rust reads as its suffix: `1h`.
    Number(String),
    /// One word without quotes.
    Word(String),
    Other,
}

pub(crate) fn written(value: &Expr) -> Written<'_> {
    match peeled(value) {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Str(text) => Written::Text(text),
            Lit::Int(number) => Written::Number(number.to_string()),
            Lit::Float(number) => Written::Number(number.to_string()),
            _ => Written::Other,
        },
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => match written(&unary.expr) {
            Written::Number(number) => Written::Number(format!("-{number}")),
            _ => Written::Other,
        },
        Expr::Path(path) if path.qself.is_none() => match path.path.get_ident() {
            Some(word) => Written::Word(word.unraw().to_string()),
            None => Written::Other,
        },
        _ => Written::Other,
    }
}

/// The expression within parentheses, and within the groups that `macro_rules!` puts round a fragment.
pub(crate) fn peeled(value: &Expr) -> &Expr {
    match value {
        Expr::Group(group) => peeled(&group.expr),
        Expr::Paren(paren) => peeled(&paren.expr),
        other => other,
    }
}

/// A message: what is wrong with an option's value, and what to write.
pub(crate) fn say(option: &str, problem: &str, write: &str) -> String {
    if problem.ends_with('?') {
        format!("`{option}`: {problem} Write `{option} = {write}`")
    } else {
        format!("`{option}`: {problem}, write `{option} = {write}`")
    }
}

impl Malformed {
    /// The message for an option whose text is this, after `prefix`.
    pub(crate) fn say(&self, option: &str, prefix: &str) -> String {
        say(option, &self.problem, &format!("\"{prefix}{}\"", self.write))
    }
}
