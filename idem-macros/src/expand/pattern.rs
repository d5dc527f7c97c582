//! A user's pattern, rebuilt to bind by reference only the names that an expression uses.

use std::collections::BTreeSet;

use quote::quote_spanned;
use syn::{FieldPat, Pat, PatIdent, PatParen, PatRest, PatWild, Token, punctuated::Punctuated};

use super::own;
use crate::model::argument::{binds, text};

/// The pattern with the bindings in `names`, and `_` for every other.
pub(super) fn borrowed(pattern: &Pat, names: &BTreeSet<String>) -> Pat {
    if !binds(pattern, names) {
        return match pattern {
            Pat::Rest(rest) => Pat::Rest(rest.clone()),
            Pat::Ident(PatIdent { subpat: Some((_, sub)), .. }) if matches!(**sub, Pat::Rest(_)) => rest(),
            _ => wild(),
        };
    }
    match pattern {
        Pat::Ident(ident) => {
            let sub = ident.subpat.as_ref();
            let subpat = sub.filter(|(_, sub)| matches!(**sub, Pat::Rest(_)) || binds(sub, names));
            if !names.contains(&text(&ident.ident)) {
                return sub.map_or_else(wild, |(_, sub)| borrowed(sub, names));
            }
            Pat::Ident(PatIdent {
                attrs: Vec::new(),
                by_ref: None,
                mutability: None,
                ident: ident.ident.clone(),
                subpat: subpat.map(|(at, sub)| (*at, Box::new(borrowed(sub, names)))),
            })
        }
        Pat::Paren(paren) => match borrowed(&paren.pat, names) {
            // A `let` takes alternatives only within parentheses.
            or @ Pat::Or(_) => Pat::Paren(PatParen { pat: Box::new(or), ..paren.clone() }),
            other => other,
        },
        // Matching through a reference binds the target by reference already.
        Pat::Reference(reference) => borrowed(&reference.pat, names),
        Pat::Type(typed) => borrowed(&typed.pat, names),
        Pat::Or(or) => {
            let mut or = or.clone();
            or.cases = each(&or.cases, names);
            Pat::Or(or)
        }
        Pat::Slice(slice) => {
            let mut slice = slice.clone();
            slice.elems = each(&slice.elems, names);
            Pat::Slice(slice)
        }
        Pat::Tuple(tuple) => {
            let mut tuple = tuple.clone();
            tuple.elems = each(&tuple.elems, names);
            Pat::Tuple(tuple)
        }
        Pat::TupleStruct(tuple) => {
            let mut tuple = tuple.clone();
            tuple.elems = each(&tuple.elems, names);
            Pat::TupleStruct(tuple)
        }
        Pat::Struct(whole) => {
            let mut part = whole.clone();
            part.fields =
                whole.fields.iter().filter(|field| binds(&field.pat, names)).map(|field| bound(field, names)).collect();
            if part.fields.len() < whole.fields.len() {
                if !part.fields.empty_or_trailing() {
                    part.fields.push_punct(Token![,](own()));
                }
                part.rest = Some(PatRest { attrs: Vec::new(), dot2_token: Token![..](own()) });
            }
            Pat::Struct(part)
        }
        other => other.clone(),
    }
}

fn bound(field: &FieldPat, names: &BTreeSet<String>) -> FieldPat {
    FieldPat { pat: Box::new(borrowed(&field.pat, names)), ..field.clone() }
}

fn each<P: Default>(patterns: &Punctuated<Pat, P>, names: &BTreeSet<String>) -> Punctuated<Pat, P> {
    let mut rebuilt: Punctuated<Pat, P> = patterns.iter().map(|pattern| borrowed(pattern, names)).collect();
    // `(a,)` is a tuple by its comma.
    if patterns.trailing_punct() {
        rebuilt.push_punct(P::default());
    }
    rebuilt
}

fn wild() -> Pat {
    Pat::Wild(PatWild { attrs: Vec::new(), underscore_token: Token![_](own()) })
}

fn rest() -> Pat {
    Pat::Verbatim(quote_spanned!(own()=> ..))
}

#[cfg(test)]
mod tests {
    use quote::ToTokens;
    use syn::parse::Parser;

    use super::*;

    #[track_caller]
    fn check(pattern: &str, names: &[&str], expected: &str) {
        let pattern = Pat::parse_single.parse_str(pattern).expect(pattern);
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let rebuilt = borrowed(&pattern, &names).into_token_stream().to_string();
        let expected = Pat::parse_single.parse_str(expected).expect(expected);
        assert_eq!(rebuilt, expected.into_token_stream().to_string());
    }

    #[test]
    fn keeps_only_what_is_named() {
        check("user", &["user"], "user");
        check("mut user", &["user"], "user");
        check("ref user", &["user"], "user");
        check("State(db)", &["user"], "_");
        check("Json(mut order)", &["order"], "Json(order)");
        check("Path((tenant, id))", &["id"], "Path((_, id))");
        check("Path((tenant,))", &["tenant"], "Path((tenant,))");
        check("(a, .., z)", &["z"], "(_, .., z)");
        check("[a, rest @ .., z]", &["z"], "[_, .., z]");
        check("[a, rest @ ..]", &["rest"], "[_, rest @ ..]");
        check("Json(Order { id, mut amount, .. })", &["id"], "Json(Order { id, .. })");
        check("Json(Order { id, amount })", &["amount"], "Json(Order { amount, .. })");
        check(
            "Json(Order { id: OrderId(id), ref mut lines })",
            &["id", "lines"],
            "Json(Order { id: OrderId(id), lines })",
        );
        check("whole @ Json(order)", &["order"], "Json(order)");
        check("whole @ Json(order)", &["whole"], "whole");
        check("whole @ Json(order)", &["whole", "order"], "whole @ Json(order)");
        check("&id", &["id"], "id");
        check("((A(x) | B(x)), y)", &["y"], "(_, y)");
        check("(A(x, _y) | B(_y, x))", &["x"], "(A(x, _) | B(_, x))");
        check("&(A(x) | B(x))", &["x"], "(A(x) | B(x))");
        check("(whole @ (A(x) | B(x)))", &["x", "whole"], "whole @ (A(x) | B(x))");
    }
}
