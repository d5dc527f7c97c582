//! Expressions over the function's arguments: which of them an expression names, and whether it can be evaluated
//! before the claim.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{
    Expr, Ident, Lit, PatIdent,
    ext::IdentExt,
    visit::{self, Visit},
};

use super::value::peeled;
use crate::{errors::Errors, near::did_you_mean};

/// An expression, with the arguments' bindings that it names.
pub(crate) struct Evaluated {
    pub(crate) expression: Box<Expr>,
    pub(crate) names: BTreeSet<String>,
}

/// Checks an expression over the arguments of `function`, which bind `bindings`.
pub(crate) fn evaluate(
    option: &str,
    expression: &Expr,
    function: &Ident,
    bindings: &[String],
    errors: &mut Errors,
) -> Option<Evaluated> {
    let locals = locals(expression);
    let mut check =
        Check { function, bindings, locals, unknown: Vec::new(), nested: 0, loops: 0, right: true, option, errors };
    check.whole(expression);
    check.root(expression);
    check.visit_expr(expression);
    let Check { unknown, right, .. } = check;
    for ident in &unknown {
        errors.at(ident, no_argument(function, ident, bindings));
    }
    (right && unknown.is_empty()).then(|| {
        let mut names = BTreeSet::new();
        named(expression.to_token_stream(), bindings, &mut names);
        Evaluated { expression: Box::new(expression.clone()), names }
    })
}

/// Whether an expression names no argument and calls nothing, so that its value never changes.
pub(crate) fn is_constant(evaluated: &Evaluated) -> bool {
    struct Calls(bool);
    impl<'ast> Visit<'ast> for Calls {
        fn visit_expr_call(&mut self, _: &'ast syn::ExprCall) {
            self.0 = true;
        }
        fn visit_expr_method_call(&mut self, _: &'ast syn::ExprMethodCall) {
            self.0 = true;
        }
        fn visit_macro(&mut self, _: &'ast syn::Macro) {
            self.0 = true;
        }
    }
    let mut calls = Calls(false);
    calls.visit_expr(&evaluated.expression);
    evaluated.names.is_empty() && !calls.0
}

fn no_argument(function: &Ident, ident: &Ident, bindings: &[String]) -> String {
    let known: Vec<_> = bindings.iter().map(|name| format!("`{name}`")).collect();
    let known = match known.as_slice() {
        [] => return format!("`{function}` has no argument `{ident}`, nor any other that has a name"),
        [one] => format!("argument is {one}"),
        many => format!("arguments are {}", many.join(", ")),
    };
    match did_you_mean(&ident.to_string(), bindings.iter().map(String::as_str)) {
        Some(meant) => format!("`{function}` has no argument `{ident}`, {meant} Its {known}"),
        None => format!("`{function}` has no argument `{ident}`: its {known}"),
    }
}

/// The names that the expression itself binds.
fn locals(expression: &Expr) -> BTreeSet<String> {
    struct Locals(BTreeSet<String>);
    impl<'ast> Visit<'ast> for Locals {
        fn visit_pat_ident(&mut self, node: &'ast PatIdent) {
            self.0.insert(node.ident.unraw().to_string());
            visit::visit_pat_ident(self, node);
        }
    }
    let mut locals = Locals(BTreeSet::new());
    locals.visit_expr(expression);
    locals.0
}

struct Check<'a> {
    function: &'a Ident,
    bindings: &'a [String],
    locals: BTreeSet<String>,
    unknown: Vec<Ident>,
    /// How many closures and async blocks are round the place.
    nested: usize,
    /// How many loops are.
    loops: usize,
    right: bool,
    option: &'a str,
    errors: &'a mut Errors,
}

impl Check<'_> {
    /// A value that is none yet.
    fn whole(&mut self, expression: &Expr) {
        match peeled(expression) {
            Expr::Async(block) => self.awaits(block.async_token),
            Expr::Closure(closure) => {
                let message = "is an expression that names the arguments itself, not a closure: leave out the `|..|`";
                self.wrong(closure, format!("`{}` {message}", self.option));
            }
            _ => {}
        }
    }

    /// A value that must be an argument. Bare names elsewhere, as in `map(normalize)`, may be functions.
    fn root(&mut self, expression: &Expr) {
        let Expr::Path(path) = peeled(expression) else { return };
        let Some(ident) = path.path.get_ident().filter(|_| path.qself.is_none()) else { return };
        if let "return" | "break" | "continue" | "yield" = ident.to_string().as_str() {
            return self.leaves(ident, &ident.to_string());
        }
        let name = ident.unraw().to_string();
        let variable = name != "self" && !name.starts_with(char::is_uppercase);
        if variable && !self.locals.contains(&name) {
            self.must_be_bound(ident);
        }
    }

    fn must_be_bound(&mut self, ident: &Ident) {
        let bound = self.bindings.contains(&ident.unraw().to_string());
        if !bound && !self.unknown.iter().any(|other| other == ident) {
            self.unknown.push(ident.clone());
        }
    }

    fn leaves(&mut self, tokens: impl ToTokens, word: &str) {
        let end = format!("so `{word}` cannot end `{}`: a value that is not there is `None`", self.function);
        self.too_early(tokens, &end);
    }

    fn awaits(&mut self, tokens: impl ToTokens) {
        self.too_early(tokens, "so it cannot await: let an argument hold the value");
    }

    fn too_early(&mut self, tokens: impl ToTokens, so: &str) {
        if self.nested == 0 {
            let Self { option, function, .. } = self;
            let message = format!("`{option}` is evaluated before `{function}` runs, {so}");
            self.wrong(tokens, message);
        }
    }

    fn wrong(&mut self, tokens: impl ToTokens, message: String) {
        self.errors.at(tokens, message);
        self.right = false;
    }

    fn nested(&mut self, visit: impl FnOnce(&mut Self)) {
        self.nested += 1;
        visit(self);
        self.nested -= 1;
    }

    fn looped(&mut self, visit: impl FnOnce(&mut Self)) {
        self.loops += 1;
        visit(self);
        self.loops -= 1;
    }
}

impl<'ast> Visit<'ast> for Check<'_> {
    fn visit_expr_path(&mut self, node: &'ast syn::ExprPath) {
        // Whatever else a bare name is, `self` is an argument.
        if let Some(ident) = node.path.get_ident()
            && ident == "self"
        {
            self.must_be_bound(ident);
        }
        visit::visit_expr_path(self, node);
    }

    fn visit_expr_field(&mut self, node: &'ast syn::ExprField) {
        self.root(&node.base);
        visit::visit_expr_field(self, node);
    }

    fn visit_expr_method_call(&mut self, node: &'ast syn::ExprMethodCall) {
        self.root(&node.receiver);
        visit::visit_expr_method_call(self, node);
    }

    fn visit_expr_index(&mut self, node: &'ast syn::ExprIndex) {
        self.root(&node.expr);
        visit::visit_expr_index(self, node);
    }

    fn visit_expr_reference(&mut self, node: &'ast syn::ExprReference) {
        self.root(&node.expr);
        visit::visit_expr_reference(self, node);
    }

    fn visit_expr_unary(&mut self, node: &'ast syn::ExprUnary) {
        self.root(&node.expr);
        visit::visit_expr_unary(self, node);
    }

    fn visit_expr_tuple(&mut self, node: &'ast syn::ExprTuple) {
        node.elems.iter().for_each(|element| self.root(element));
        visit::visit_expr_tuple(self, node);
    }

    fn visit_expr_closure(&mut self, node: &'ast syn::ExprClosure) {
        self.nested(|check| visit::visit_expr_closure(check, node));
    }

    fn visit_expr_async(&mut self, node: &'ast syn::ExprAsync) {
        self.nested(|check| visit::visit_expr_async(check, node));
    }

    fn visit_expr_loop(&mut self, node: &'ast syn::ExprLoop) {
        self.looped(|check| visit::visit_expr_loop(check, node));
    }

    fn visit_expr_while(&mut self, node: &'ast syn::ExprWhile) {
        self.looped(|check| visit::visit_expr_while(check, node));
    }

    fn visit_expr_for_loop(&mut self, node: &'ast syn::ExprForLoop) {
        self.looped(|check| visit::visit_expr_for_loop(check, node));
    }

    fn visit_expr_await(&mut self, node: &'ast syn::ExprAwait) {
        self.awaits(node.await_token);
        visit::visit_expr_await(self, node);
    }

    fn visit_expr_try(&mut self, node: &'ast syn::ExprTry) {
        self.leaves(node.question_token, "?");
        visit::visit_expr_try(self, node);
    }

    fn visit_expr_return(&mut self, node: &'ast syn::ExprReturn) {
        self.leaves(node.return_token, "return");
        visit::visit_expr_return(self, node);
    }

    fn visit_expr_yield(&mut self, node: &'ast syn::ExprYield) {
        self.leaves(node.yield_token, "yield");
        visit::visit_expr_yield(self, node);
    }

    fn visit_expr_break(&mut self, node: &'ast syn::ExprBreak) {
        // A label is of the expression's own, or the compiler says that there is none.
        if self.loops == 0 && node.label.is_none() {
            self.leaves(node.break_token, "break");
        }
        visit::visit_expr_break(self, node);
    }

    fn visit_expr_continue(&mut self, node: &'ast syn::ExprContinue) {
        if self.loops == 0 && node.label.is_none() {
            self.leaves(node.continue_token, "continue");
        }
        visit::visit_expr_continue(self, node);
    }
}

/// Collects the bindings that tokens name. Tokens and not syntax, because the inside of a macro has no syntax yet.
fn named(tokens: TokenStream, bindings: &[String], names: &mut BTreeSet<String>) {
    let mut dots = 0;
    for token in tokens {
        let after = std::mem::take(&mut dots);
        match token {
            TokenTree::Group(group) => named(group.stream(), bindings, names),
            TokenTree::Punct(sign) if sign.as_char() == '.' => dots = after + 1,
            // After one dot stands a field or a method, after two the end of a range.
            TokenTree::Ident(ident) if after != 1 => {
                let name = ident.unraw().to_string();
                if bindings.contains(&name) {
                    names.insert(name);
                }
            }
            TokenTree::Literal(literal) => {
                if let Lit::Str(text) = Lit::new(literal) {
                    names.extend(formatted(&text.value()).into_iter().filter(|name| bindings.contains(name)));
                }
            }
            TokenTree::Ident(_) | TokenTree::Punct(_) => {}
        }
    }
}

/// The names within a format string: `"{user}"`, `"{amount:>width$}"`.
fn formatted(text: &str) -> Vec<String> {
    let is_name = |name: &str| syn::parse_str::<Ident>(name).is_ok();
    let mut names = Vec::new();
    // Doubled braces stand for one brace.
    let text = text.replace("{{", "");
    for argument in text.split('{').skip(1) {
        let Some((argument, _)) = argument.split_once('}') else { continue };
        let (name, form) = argument.split_once(':').unwrap_or((argument, ""));
        names.push(name.trim());
        let counts = form.split('$').rev().skip(1);
        names.extend(
            counts.filter_map(|count| count.rsplit(|letter: char| !(letter.is_alphanumeric() || letter == '_')).next()),
        );
    }
    names.retain(|name| is_name(name));
    names.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        let bindings: Vec<_> = ["user", "order", "width", "id"].map(str::to_owned).into();
        let mut names = BTreeSet::new();
        named(text.parse().expect(text), &bindings, &mut names);
        names.into_iter().collect()
    }

    #[test]
    fn finds_the_named_bindings() {
        assert_eq!(names("user.tenant"), ["user"]);
        assert_eq!(names("order.id"), ["order"]);
        assert_eq!(names("0..id"), ["id"]);
        assert_eq!(names("format!(\"{}\", order.id)"), ["order"]);
        assert_eq!(names("TENANT"), [""; 0]);
        assert_eq!(names("(user.id, &order)"), ["order", "user"]);
    }

    #[test]
    fn finds_names_in_format_strings() {
        assert_eq!(names("format!(\"{user}:{order:?}\")"), ["order", "user"]);
        assert_eq!(names("format!(\"{user:>width$}\")"), ["user", "width"]);
        assert_eq!(names("format!(\"{:.width$}\", 1.5)"), ["width"]);
        assert_eq!(names("format!(r\"{{user}}\")"), [""; 0]);
        assert_eq!(names("format!(\"{{{user}}}\")"), ["user"]);
    }
}
