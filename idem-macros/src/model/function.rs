//! Whether the function can be one that an attribute makes idempotent.

use syn::{Attribute, FnArg, Pat, ReturnType, Safety, Signature, Type};

use super::{
    argument::Argument,
    known::{self, Known},
};
use crate::{attribute::Kind, errors::Errors, item::Function};

/// Checks a handler, and takes its arguments apart.
pub(crate) fn handler(function: &Function, errors: &mut Errors) -> Vec<Argument> {
    attributes(Kind::Handler, &function.attributes, errors);
    qualifiers(Kind::Handler, &function.signature, errors);
    let arguments = arguments(&function.signature, |receiver| {
        let message = "a handler has no `self`: every argument is an extractor, and shared values come through `State`";
        errors.at(receiver, message);
    });
    if let Some(attribute) = arguments.last().and_then(Argument::conditional) {
        errors.at(
            attribute,
            "the last argument cannot be conditional: write the handler once for each case, with `#[cfg]` on the functions",
        );
    }
    bodies(&arguments, errors);
    if let ReturnType::Type(_, ty) = &function.signature.output
        && let Some(stream) = known::stream(ty)
    {
        let name = stream.path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default();
        let message = match name.as_str() {
            "Sse" => "an event stream has no end, so it cannot be recorded and replayed: leave `#[idempotent]` out"
                .to_owned(),
            name => format!(
                "`{name}` streams the answer, so it cannot be recorded and replayed: answer with the collected `Bytes`, or leave \
                 `#[idempotent]` out"
            ),
        };
        errors.at(stream, message);
    }
    arguments
}

/// Whether an attribute is one of ours.
pub(crate) fn is_idempotent(attribute: &Attribute) -> bool {
    Kind::ALL.iter().any(|kind| is_named(attribute, kind.name()))
}

fn is_named(attribute: &Attribute, name: &str) -> bool {
    attribute.path().segments.last().is_some_and(|last| last.ident == name)
}

/// Checks the attributes below this one.
pub(super) fn attributes(kind: Kind, attributes: &[Attribute], errors: &mut Errors) {
    let this = kind.name();
    for attribute in attributes {
        if is_named(attribute, this) {
            errors.at(attribute, format!("`#[{this}]` is given twice: keep one"));
        } else if is_idempotent(attribute) {
            errors.at(attribute, "a function takes either `#[idempotent]`, if it is a handler, or `#[idempotent_fn]`");
        } else if kind == Kind::Handler && is_named(attribute, "instrument") {
            errors.at(
                attribute,
                "`#[instrument]` below `#[idempotent]` would log the guarded arguments: write it above `#[idempotent]`",
            );
        }
    }
}

/// Checks what stands before the function's name.
pub(super) fn qualifiers(kind: Kind, signature: &Signature, errors: &mut Errors) {
    let Signature { constness, asyncness, safety, abi, ident, .. } = signature;
    let subject = kind.subject();
    let right = format!("write `async fn {ident}`");
    if let Some(token) = constness {
        errors.at(token, format!("{subject} cannot be `const`: {right}"));
    } else if asyncness.is_none() {
        errors.at(signature.fn_token, format!("{subject} is asynchronous: {right}"));
    }
    if let Safety::Unsafe(token) = safety {
        errors.at(token, format!("{subject} cannot be `unsafe`: {right}"));
    }
    if let Some(abi) = abi {
        errors.at(abi, format!("{subject} cannot be `extern`: {right}"));
    }
    if let Some(variadic) = &signature.variadic {
        errors.at(variadic, format!("{subject} cannot be variadic: name every argument"));
    }
}

/// Takes the arguments apart, and gives a `self` to `receiver`.
pub(super) fn arguments(signature: &Signature, mut receiver: impl FnMut(&syn::Receiver)) -> Vec<Argument> {
    let mut arguments = Vec::new();
    for argument in &signature.inputs {
        match argument {
            FnArg::Receiver(found) => receiver(found),
            FnArg::Typed(typed) => arguments.push(Argument {
                attributes: typed.attrs.clone(),
                pattern: Pat::clone(&typed.pat),
                ty: Type::clone(&typed.ty),
            }),
        }
    }
    arguments
}

/// The body can be read once, by the last argument.
fn bodies(arguments: &[Argument], errors: &mut Errors) {
    for argument in arguments {
        if known::extractor(&argument.ty) == Some(Known::WebSocket) {
            errors
                .at(&argument.ty, "an upgraded connection cannot be recorded and replayed: leave `#[idempotent]` out");
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
