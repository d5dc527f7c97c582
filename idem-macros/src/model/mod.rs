//! The second step: options and signature become a checked policy. Every mistake is collected, not only the first.

pub(crate) mod argument;
mod duration;
mod expression;
mod fields;
pub(crate) mod function;
mod handler;
pub(crate) mod header;
pub(crate) mod job;
mod judge;
pub(crate) mod known;
pub(crate) mod policy;
mod quantity;
mod size;
mod source;
pub(crate) mod supplied;
mod value;

use proc_macro2::Span;

use self::value::say;
pub(crate) use self::{
    expression::Evaluated,
    handler::{Handler, check},
    source::Source,
};
use crate::{
    args::{Name, Options, Slot},
    attribute::Kind,
    errors::Errors,
};

/// An option without which there is nothing to do.
fn required(kind: Kind, name: Name, question: &str, options: &Options, errors: &mut Errors) {
    if options.lost || !matches!(options.expression(name), Slot::Absent) {
        return;
    }
    let (option, example, attribute) = (name.text(), kind.example(name), kind.name());
    let message = format!("{question} `{option}` is missing, as in `#[{attribute}({option} = {example})]`");
    errors.at_span(Span::call_site(), message);
}

/// A crash must be recovered before its record expires.
fn lease_within_ttl(options: &Options, ttl: Option<u64>, lease: Option<u64>, errors: &mut Errors) {
    let (Some(ttl_given), Some(ttl)) = (options.expression(Name::Ttl).given(), ttl) else { return };
    let shorter = format!("\"{}\"", duration::LEASE.show(duration::lease_for(ttl)));
    match (options.expression(Name::Lease), lease) {
        (Slot::Given(given), Some(lease)) if lease >= ttl => {
            let ttl = duration::TTL.show(ttl);
            errors.at(given, say("lease", &format!("a lease is shorter than the `ttl`, which is `{ttl}`"), &shorter));
        }
        (Slot::Absent, None) if duration::DEFAULT_LEASE >= ttl => {
            let problem =
                "the `ttl` is not longer than the lease, which is `30s` unless it is given; either make it longer, or";
            errors.at(ttl_given, format!("`ttl`: {problem} add `lease = {shorter}`"));
        }
        _ => {}
    }
}
