//! What is said of a function that is no handler, such as a queue's consumer or a job.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Expr, ReturnType, Type};

use super::{
    argument::{self, Argument},
    expression::{self, Evaluated},
    function,
    judge::Judge,
    known, lease_within_ttl,
    policy::{Fingerprint, Key, Policy, Scope},
    required,
    supplied::{self, Supply},
    value::{Written, peeled, say, written},
};
use crate::{
    args::{Name, Options, Slot},
    attribute::Kind,
    errors::Errors,
    item::Function,
};

/// A function that is right, with what is done with its calls.
pub(crate) struct Job {
    pub(crate) function: Function,
    /// Without a `self`, which expressions can name all the same.
    pub(crate) arguments: Vec<Argument>,
    /// For each argument, what it is supplied with if the caller does not pass it.
    pub(crate) supplied: Vec<Option<Supply>>,
    pub(crate) policy: Policy,
    /// Yields an `&Idempotency`.
    pub(crate) store: Evaluated,
}

/// Checks everything. Gives nothing if there are errors, found here or before.
pub(crate) fn check(options: &Options, function: Option<Function>, errors: &mut Errors) -> Option<Job> {
    let mut bindings = Vec::new();
    let arguments = function.as_ref().map(|function| {
        let mut arguments = signature(function, &mut bindings, errors);
        let supplied = supplied::supplied(&mut arguments, errors);
        // What is supplied, is so after the call was identified.
        let passed = arguments.iter().zip(&supplied).filter(|(_, supplied)| supplied.is_none());
        bindings.extend(passed.flat_map(|(argument, _)| argument::all_bindings(std::slice::from_ref(argument))));
        (arguments, supplied)
    });
    let name = function.as_ref().map(|function| &function.signature.ident);
    let mut judge = Judge { options, function: name, bindings: &bindings, errors };

    let (ttl, lease) = (judge.ttl(), judge.lease());
    let (key, scope, operation) = (judge.key_of_call(), judge.scope_of_call(), judge.operation());
    let (on_failure, in_flight) = (judge.on_failure(), judge.in_flight());
    let (fingerprint, store) = (judge.fingerprint_of_call(), judge.store());

    required(Kind::Function, Name::Ttl, "how long is the result kept?", options, errors);
    required(Kind::Function, Name::Key, "which calls are the same?", options, errors);
    required(Kind::Function, Name::Store, "where is the result kept?", options, errors);
    if let Some(function) = &function {
        operation_of_a_method(options, function, errors);
    }
    lease_within_ttl(options, ttl, lease, errors);

    if !errors.is_empty() {
        return None;
    }
    let policy = Policy {
        operation,
        ttl: ttl?,
        lease,
        key: Key::Expression(key?),
        scope: scope.map_or(Scope::None, Scope::Expression),
        on_failure,
        in_flight,
        // Arguments need not be `Serialize`, so what has to be the same is named or nothing.
        fingerprint: fingerprint.unwrap_or(Fingerprint::None),
        runtime: options.runtime.given().cloned(),
    };
    let (arguments, supplied) = arguments?;
    Some(Job { function: function?, arguments, supplied, policy, store: store? })
}

/// Two types of one module can have methods of one name, and their calls must not be taken for each other. What type it
/// is, an attribute on a method cannot see.
fn operation_of_a_method(options: &Options, function: &Function, errors: &mut Errors) {
    let Function { signature, body, .. } = function;
    let method = signature.receiver().is_some()
        || names_self_type(signature.inputs.to_token_stream())
        || names_self_type(signature.output.to_token_stream())
        || names_self_type(body.stream());
    if method && !options.lost && matches!(options.expression(Name::Operation), Slot::Absent) {
        let name = &signature.ident;
        let message = format!(
            "two types can have a method `{name}`, so it needs a name of its own: `operation` is missing, as in \
             `#[idempotent_fn(operation = \"{name}\")]`"
        );
        errors.at(name, message);
    }
}

fn names_self_type(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(word) => word == "Self",
        TokenTree::Group(group) => names_self_type(group.stream()),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}

fn signature(function: &Function, bindings: &mut Vec<String>, errors: &mut Errors) -> Vec<Argument> {
    function::attributes(Kind::Function, &function.attributes, errors);
    function::qualifiers(Kind::Function, &function.signature, errors);
    let message = "an idempotent function returns a `Result`: `Ok` is recorded, `Err` lets the next call run, \
                   write `-> Result<T, E>`";
    match &function.signature.output {
        ReturnType::Type(_, ty) if !is_result(ty) => errors.at(ty, message),
        ReturnType::Default => errors.at(&function.signature.ident, message),
        ReturnType::Type(_, ty) => {
            if let Some(opaque) = known::opaque(ty) {
                errors.at(opaque, "what is recorded is read back as this type, so it has a name: write the type");
            }
            if let Some(reference) = known::borrowed_value(ty) {
                errors
                    .at(reference, "what is recorded is read back from the store, so it is owned: return no reference");
            }
        }
    }
    function::arguments(&function.signature, |_| bindings.push("self".to_owned()))
}

/// Whether a type is a `Result` by its name, as `anyhow::Result<T>` is.
fn is_result(ty: &Type) -> bool {
    let Type::Path(path) = known::peeled(ty) else { return false };
    path.path.segments.last().is_some_and(|last| last.ident == "Result")
}

impl Judge<'_> {
    fn key_of_call(&mut self) -> Option<Evaluated> {
        let key = self.over_arguments(Name::Key)?;
        if !expression::is_constant(&key) {
            return Some(key);
        }
        let example = Kind::Function.example(Name::Key);
        let message = format!("every call would have the same key: name an argument, as in `key = {example}`");
        self.errors.at(&key.expression, message);
        None
    }

    fn scope_of_call(&mut self) -> Option<Evaluated> {
        self.over_arguments(Name::Scope)
    }

    fn fingerprint_of_call(&mut self) -> Option<Fingerprint> {
        let given = self.options.expression(Name::Fingerprint).given()?;
        if matches!(written(given), Written::Text(text) if text.value() == "none") {
            return Some(Fingerprint::None);
        }
        if matches!(written(given), Written::Word(word) if word == "none" && !self.bindings.contains(&word)) {
            self.errors.at(given, say("fingerprint", "a choice is in quotes", "\"none\""));
            return None;
        }
        let fingerprint = self.over_arguments(Name::Fingerprint)?;
        if !expression::is_constant(&fingerprint) {
            return Some(Fingerprint::Expression(fingerprint));
        }
        let message = "every call would have the same fingerprint: name an argument, or write `fingerprint = \"none\"`";
        self.errors.at(&fingerprint.expression, message);
        None
    }

    fn store(&mut self) -> Option<Evaluated> {
        self.over_arguments(Name::Store)
    }

    /// An expression: a call has no headers and no body that a text could point at.
    fn over_arguments(&mut self, name: Name) -> Option<Evaluated> {
        let given = self.options.expression(name).given()?;
        let (option, example) = (name.text(), Kind::Function.example(name));
        let message = say(option, "this is an expression over the arguments", example);
        match written(given) {
            Written::Text(text) => self.quoted(name, text, message),
            // A path can be a constant that holds the store, a literal cannot.
            _ if name != Name::Key && matches!(peeled(given), Expr::Lit(_)) => {
                self.errors.at(given.to_token_stream(), message);
                None
            }
            _ => self.evaluate(name, given),
        }
    }
}
