//! The handler's arguments, and the names that their patterns bind.

use std::collections::BTreeSet;

use syn::{
    Attribute, Ident, Pat, PatIdent, Type,
    ext::IdentExt,
    visit::{self, Visit},
};

/// One argument of the handler.
pub(crate) struct Argument {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) pattern: Pat,
    pub(crate) ty: Type,
}

impl Argument {
    /// Whether the argument may be compiled out.
    pub(crate) fn conditional(&self) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| is_conditional(attribute))
    }
}

/// `#[cfg(..)]`, also behind a `#[cfg_attr(..)]`.
pub(crate) fn is_conditional(attribute: &Attribute) -> bool {
    let path = attribute.path();
    if path.is_ident("cfg") {
        return true;
    }
    let Ok(list) = attribute.meta.require_list() else { return false };
    path.is_ident("cfg_attr") && list.tokens.clone().into_iter().any(|token| token.to_string() == "cfg")
}

/// What a pattern binds, in its order. Each alternative binds the same.
pub(crate) fn bindings(pattern: &Pat) -> Vec<Ident> {
    let mut bindings = Bindings(Vec::new());
    bindings.visit_pat(pattern);
    bindings.0
}

/// The names that the patterns of all arguments bind.
pub(crate) fn all_bindings(arguments: &[Argument]) -> Vec<String> {
    arguments.iter().flat_map(|argument| bindings(&argument.pattern)).map(|binding| text(&binding)).collect()
}

/// Whether a pattern binds one of `names`.
pub(crate) fn binds(pattern: &Pat, names: &BTreeSet<String>) -> bool {
    bindings(pattern).iter().any(|binding| names.contains(&text(binding)))
}

/// A name as expressions are searched for it: `r#type` is `type`.
pub(crate) fn text(name: &Ident) -> String {
    name.unraw().to_string()
}

struct Bindings(Vec<Ident>);

impl<'ast> Visit<'ast> for Bindings {
    fn visit_pat_ident(&mut self, node: &'ast PatIdent) {
        // A bare upper-case name is a unit struct or a constant, not a binding.
        let plain = node.by_ref.is_none() && node.mutability.is_none() && node.subpat.is_none();
        let constant = plain && text(&node.ident).starts_with(char::is_uppercase);
        if !constant && !self.0.contains(&node.ident) {
            self.0.push(node.ident.clone());
        }
        visit::visit_pat_ident(self, node);
    }
}
