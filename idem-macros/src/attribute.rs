//! An attribute from end to end: args, model, expand, or the fallback beside the errors.

use proc_macro2::TokenStream;

use crate::{
    args::{
        self, Name,
        name::{OF_FUNCTIONS, OF_HANDLERS},
    },
    errors::Errors,
    expand, fallback, item, model,
};

/// Which attribute it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `#[idempotent]`, on a handler.
    Handler,
    /// `#[idempotent_fn]`, on any other function.
    Function,
}

impl Kind {
    pub(crate) const ALL: [Kind; 2] = [Kind::Handler, Kind::Function];

    /// The attribute as it is written.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Kind::Handler => "idempotent",
            Kind::Function => "idempotent_fn",
        }
    }

    /// What the attribute goes on.
    pub(crate) const fn subject(self) -> &'static str {
        match self {
            Kind::Handler => "a handler",
            Kind::Function => "an idempotent function",
        }
    }

    pub(crate) const fn names(self) -> &'static [Name] {
        match self {
            Kind::Handler => OF_HANDLERS,
            Kind::Function => OF_FUNCTIONS,
        }
    }

    /// A right value of an option, for messages.
    pub(crate) const fn example(self, name: Name) -> &'static str {
        match (self, name) {
            (Kind::Function, Name::Key) => "message.id",
            (Kind::Function, Name::Scope) => "message.tenant",
            (Kind::Function, Name::Fingerprint) => "&message",
            _ => name.example(),
        }
    }

    /// Why an option of the other attribute is none of this one.
    pub(crate) fn refuses(self, option: &str) -> Option<&'static str> {
        match self {
            Kind::Handler if option == Name::Store.text() => Some("a handler's store comes from the router's state"),
            Kind::Function if Name::find(option, OF_HANDLERS).is_some() => {
                Some("it is about requests and responses, and a function has none")
            }
            Kind::Handler | Kind::Function => None,
        }
    }
}

/// Expands `#[idempotent(args)] item`.
pub(crate) fn idempotent(args: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    match read(args, item.clone(), &mut errors) {
        Some(model) => expand::expand(&model),
        None => fallback::fallback(Kind::Handler, item, &errors),
    }
}

/// Expands `#[idempotent_fn(args)] item`.
pub(crate) fn idempotent_fn(args: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    match read_fn(args, item.clone(), &mut errors) {
        Some(model) => expand::job::expand(&model),
        None => fallback::fallback(Kind::Function, item, &errors),
    }
}

/// The model, or at least one error.
pub(crate) fn read(args: TokenStream, item: TokenStream, errors: &mut Errors) -> Option<model::Handler> {
    let options = args::parse(Kind::Handler, args, errors);
    let function = item::parse(Kind::Handler, item).map_err(|error| errors.push(error)).ok();
    model::check(&options, function, errors)
}

/// The model of `#[idempotent_fn(args)] item`, or at least one error.
pub(crate) fn read_fn(args: TokenStream, item: TokenStream, errors: &mut Errors) -> Option<model::job::Job> {
    let options = args::parse(Kind::Function, args, errors);
    let function = item::parse(Kind::Function, item).map_err(|error| errors.push(error)).ok();
    model::job::check(&options, function, errors)
}
