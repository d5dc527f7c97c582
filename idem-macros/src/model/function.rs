//! Whether the function can be a handler whose requests are idempotent.

use syn::{Attribute, FnArg, Pat, ReturnType, Safety, Signature};

use super::{
    argument::Argument,
    known::{self, Known},
};
use crate::{errors::Errors, item::Function};

/// Checks the function, and takes its arguments apart.
pub(crate) fn check(function: &Function, errors: &mut Errors) -> Vec<Argument> {
    attributes(&function.attributes, errors);
    qualifiers(&function.signature, errors);
    let arguments = arguments(&function.signature, errors);
    bodies(&arguments, errors);
    if let ReturnType::Type(_, ty) = &function.signature.output
        && let Some(stream) = known::event_stream(ty)
    {
        errors.at(stream, "an event stream has no end, so it cannot be recorded and replayed");
    }
    arguments
}

/// Whether an attribute is this one.
pub(crate) fn is_idempotent(attribute: &Attribute) -> bool {
    attribute.path().segments.last().is_some_and(|last| last.ident == "idempotent")
}

fn attributes(attributes: &[Attribute], errors: &mut Errors) {
    for attribute in attributes {
        if is_idempotent(attribute) {
            errors.at(attribute, "`#[idempotent]` is given twice: a handler takes it once");
        } else if attribute.path().segments.last().is_some_and(|last| last.ident == "instrument") {
            errors.at(
                attribute,
                "`#[instrument]` below `#[idempotent]` would log the guarded arguments: write it above `#[idempotent]`",
            );
        }
    }
}

fn qualifiers(signature: &Signature, errors: &mut Errors) {
    let Signature { constness, asyncness, safety, abi, ident, .. } = signature;
    if asyncness.is_none() {
        errors.at(signature.fn_token, format!("a handler is asynchronous: write `async fn {ident}`"));
    }
    if let Some(token) = constness {
        errors.at(token, "a handler cannot be `const`");
    }
    if let Safety::Unsafe(token) = safety {
        errors.at(token, "a handler cannot be `unsafe`: the router calls it");
    }
    if let Some(abi) = abi {
        errors.at(abi, "a handler cannot be `extern`: the router calls it");
    }
    if let Some(variadic) = &signature.variadic {
        errors.at(variadic, "a handler cannot be variadic: every argument is an extractor");
    }
}

fn arguments(signature: &Signature, errors: &mut Errors) -> Vec<Argument> {
    let mut arguments = Vec::new();
    for argument in &signature.inputs {
        match argument {
            FnArg::Receiver(receiver) => errors.at(
                receiver,
                "a handler has no `self`: every argument is an extractor, and shared values come through `State`",
            ),
            FnArg::Typed(typed) => arguments.push(Argument {
                attributes: typed.attrs.clone(),
                pattern: Pat::clone(&typed.pat),
                ty: syn::Type::clone(&typed.ty),
            }),
        }
    }
    if let Some(attribute) = arguments.last().and_then(Argument::conditional) {
        errors.at(
            attribute,
            "the last argument cannot be conditional: write the handler once for each case, with `#[cfg]` on the functions",
        );
    }
    arguments
}

/// The body can be read once, by the last argument.
fn bodies(arguments: &[Argument], errors: &mut Errors) {
    for argument in arguments {
        if known::extractor(&argument.ty) == Some(Known::WebSocket) {
            errors.at(&argument.ty, "an upgraded connection cannot be recorded and replayed");
        }
    }
    let Some((last, leading)) = arguments.split_last() else { return };
    if last.conditional().is_some() {
        return;
    }
    let reader = |argument: &Argument| known::extractor(&argument.ty).filter(|known| *known != Known::WebSocket);
    for argument in leading.iter().filter(|argument| argument.conditional().is_none()) {
        let Some(known) = reader(argument) else { continue };
        let name = known.name();
        match reader(last) {
            Some(other) => errors.at(
                &argument.ty,
                format!(
                    "`{name}` and `{}` both read the body: a handler has one such argument, its last",
                    other.name()
                ),
            ),
            None => errors.at(&argument.ty, format!("`{name}` reads the body: write it as the last argument")),
        }
    }
}
