//! The handler's arguments, and the names that their patterns bind.

use std::collections::BTreeSet;

use syn::{
    Attribute, Pat, PatIdent, Type,
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

/// The names that a pattern binds, in their order.
pub(crate) fn bindings(pattern: &Pat) -> Vec<String> {
    let mut names = Names(Vec::new());
    names.visit_pat(pattern);
    names.0
}

/// The names that the patterns of all arguments bind.
pub(crate) fn all_bindings(arguments: &[Argument]) -> Vec<String> {
    arguments.iter().flat_map(|argument| bindings(&argument.pattern)).collect()
}

/// Whether a pattern binds one of `names`.
pub(crate) fn binds(pattern: &Pat, names: &BTreeSet<String>) -> bool {
    bindings(pattern).iter().any(|name| names.contains(name))
}

struct Names(Vec<String>);

impl<'ast> Visit<'ast> for Names {
    fn visit_pat_ident(&mut self, node: &'ast PatIdent) {
        let name = node.ident.unraw().to_string();
        // A bare upper-case name is a unit struct or a constant, not a binding.
        let plain = node.by_ref.is_none() && node.mutability.is_none() && node.subpat.is_none();
        if !(plain && name.starts_with(char::is_uppercase)) {
            self.0.push(name);
        }
        visit::visit_pat_ident(self, node);
    }
}
