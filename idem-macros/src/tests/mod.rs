//! The attribute as a whole: its errors and its expansions.

mod any_attribute;
mod expansions;
mod function;
mod jobs;
#[cfg(feature = "utoipa")]
mod openapi;
mod options;
mod properties;
mod syntax;
mod values;

use proc_macro2::TokenStream;

use crate::{attribute, errors::Errors};

/// A handler that any options suit.
const PAY: &str =
    "async fn pay(State(db): State<Db>, user: User, Json(order): Json<Order>) -> String { db.pay(order) }";

/// The errors of an attribute, each with the text that it is reported at.
#[track_caller]
fn errors(args: &str, item: &str) -> Vec<(String, String)> {
    let mut errors = Errors::default();
    let model = attribute::read(tokens(args), tokens(item), &mut errors);
    found(model.is_some(), errors)
}

/// The errors that were found on the way to a model, or instead of it.
#[track_caller]
fn found(model: bool, errors: Errors) -> Vec<(String, String)> {
    let errors = errors.each();
    assert_eq!(model, errors.is_empty(), "a model without errors, or errors without a model");
    let place = |error: &syn::Error| error.span().source_text().unwrap_or_default();
    errors.iter().map(|error| (place(error), error.to_string())).collect()
}

/// Checks that an attribute has just these errors, in this order.
#[track_caller]
fn wrong_on(item: &str, args: &str, expected: &[(&str, &str)]) {
    let errors = errors(args, item);
    let errors: Vec<_> = errors.iter().map(|(place, message)| (place.as_str(), message.as_str())).collect();
    assert_eq!(errors, expected, "#[idempotent({args})] {item}");
}

#[track_caller]
fn wrong(args: &str, expected: &[(&str, &str)]) {
    wrong_on(PAY, args, expected);
}

#[track_caller]
fn right_on(item: &str, args: &str) {
    wrong_on(item, args, &[]);
}

#[track_caller]
fn right(args: &str) {
    right_on(PAY, args);
}

#[track_caller]
fn tokens(text: &str) -> TokenStream {
    text.parse().expect(text)
}
