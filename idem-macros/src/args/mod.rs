//! The first step: the attribute's tokens become options with spans. What their values mean is judged later.

pub(crate) mod name;
mod parse;
mod value;
mod word;

use std::collections::BTreeMap;

use syn::{Expr, Path, Type};

pub(crate) use self::{name::Name, parse::parse};

/// What is written for one option.
pub(crate) enum Slot<T> {
    /// The option is not named.
    Absent,
    /// The option is named, but its value could not be read. The mistake is reported already.
    Broken,
    Given(T),
}

/// The options of one attribute, as they are written.
pub(crate) struct Options {
    expressions: BTreeMap<Name, Slot<Expr>>,
    pub(crate) state: Slot<Type>,
    pub(crate) runtime: Slot<Path>,
    /// Some text belongs to no option, so an option that seems absent may not be.
    pub(crate) lost: bool,
}

impl Options {
    fn new() -> Self {
        Self { expressions: BTreeMap::new(), state: Slot::Absent, runtime: Slot::Absent, lost: false }
    }

    /// What is written for an option whose value is an expression.
    pub(crate) fn expression(&self, name: Name) -> &Slot<Expr> {
        self.expressions.get(&name).unwrap_or(&Slot::Absent)
    }

    fn is_absent(&self, name: Name) -> bool {
        match name {
            Name::State => matches!(self.state, Slot::Absent),
            Name::Crate => matches!(self.runtime, Slot::Absent),
            name => matches!(self.expression(name), Slot::Absent),
        }
    }

    fn mark_broken(&mut self, name: Name) {
        match name {
            Name::State => self.state = Slot::Broken,
            Name::Crate => self.runtime = Slot::Broken,
            name => {
                self.expressions.insert(name, Slot::Broken);
            }
        }
    }
}

impl<T> Slot<T> {
    /// The value, if it is given and could be read.
    pub(crate) fn given(&self) -> Option<&T> {
        match self {
            Slot::Given(given) => Some(given),
            Slot::Absent | Slot::Broken => None,
        }
    }
}
