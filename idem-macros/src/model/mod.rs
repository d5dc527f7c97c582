//! The second step: options and signature become a checked policy. Every mistake is collected, not only the first.

pub(crate) mod argument;
mod duration;
mod expression;
pub(crate) mod function;
mod header;
mod judge;
pub(crate) mod known;
pub(crate) mod policy;
mod quantity;
mod size;
mod source;
mod value;

use proc_macro2::Span;

use self::{
    argument::Argument,
    judge::Judge,
    known::Known,
    policy::{Fingerprint, InFlight, Key, Missing, OnFailure, Policy, Record, Scope},
    value::say,
};
pub(crate) use self::{expression::Evaluated, source::Source};
use crate::{
    args::{Name, Options, Slot},
    errors::Errors,
    item::Function,
};

/// A handler that is right, with what its route does.
pub(crate) struct Model {
    pub(crate) function: Function,
    pub(crate) arguments: Vec<Argument>,
    pub(crate) policy: Policy,
}

/// Checks everything. Gives nothing if there are errors, found here or before.
pub(crate) fn check(options: &Options, function: Option<Function>, errors: &mut Errors) -> Option<Model> {
    let arguments = function.as_ref().map(|function| function::check(function, errors));
    let bindings = argument::all_bindings(arguments.as_deref().unwrap_or_default());
    let handler = function.as_ref().map(|function| &function.signature.ident);
    let mut judge = Judge { options, handler, bindings: &bindings, errors };

    let (ttl, lease) = (judge.ttl(), judge.lease());
    let (key, scope, operation) = (judge.key(), judge.scope(), judge.operation());
    let (missing, replay_status, record) = (judge.missing(), judge.replay_status(), judge.record());
    let (on_failure, in_flight) = (judge.on_failure(), judge.in_flight());
    let (fingerprint, max_response, state) = (judge.fingerprint(), judge.max_response(), judge.state());

    if matches!(options.expression(Name::Ttl), Slot::Absent) && !options.lost {
        let message = "how long is the response replayed? `ttl` is missing, as in `#[idempotent(ttl = \"1h\")]`";
        errors.at_span(Span::call_site(), message);
    }
    let last = arguments.as_deref().and_then(<[Argument]>::last);
    lease_within_ttl(options, ttl, lease, errors);
    key_against_others(options, key.as_ref(), scope.as_ref(), missing, errors);
    content_against_body(options, last, key.as_ref(), fingerprint.as_ref(), errors);

    if !errors.is_empty() {
        return None;
    }
    let policy = Policy {
        operation,
        ttl: ttl?,
        lease: lease.unwrap_or(duration::DEFAULT_LEASE),
        key: key.unwrap_or_else(|| Key::Source(Source::Header("idempotency-key".to_owned()))),
        scope: scope.unwrap_or(Scope::None),
        missing: missing.unwrap_or(Missing::Refuse(400)),
        replay_status,
        record: record.unwrap_or(Record::Final),
        on_failure: on_failure.unwrap_or(OnFailure::Retry),
        in_flight: in_flight.unwrap_or(InFlight::Reject),
        fingerprint: fingerprint.unwrap_or(Fingerprint::Body),
        max_response: max_response.unwrap_or(size::DEFAULT_RESPONSE),
        state,
        runtime: options.runtime.given().cloned(),
    };
    Some(Model { function: function?, arguments: arguments?, policy })
}

/// A crash must be recovered before its record expires.
fn lease_within_ttl(options: &Options, ttl: Option<u64>, lease: Option<u64>, errors: &mut Errors) {
    let (Some(ttl_given), Some(ttl)) = (options.expression(Name::Ttl).given(), ttl) else { return };
    let third = duration::LEASE.show((ttl / 3).max(duration::LEASE.least));
    let shorter = format!("\"{third}\"");
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

fn key_against_others(
    options: &Options,
    key: Option<&Key>,
    scope: Option<&Scope>,
    missing: Option<Missing>,
    errors: &mut Errors,
) {
    if let (Some(Key::Source(Source::Path(name))), Some(Missing::Execute)) = (key, missing)
        && let Some(given) = options.expression(Name::Missing).given()
    {
        let message = format!("the path always has `{name}`, so the key is never missing: leave `missing` out");
        errors.at(given, message);
    }
    if let Some(Scope::Header(scope)) = scope
        && let Some(given) = options.expression(Name::Scope).given()
    {
        let shared = match key {
            Some(Key::Source(Source::Header(key))) => key == scope,
            None => scope == "idempotency-key" && matches!(options.expression(Name::Key), Slot::Absent),
            Some(_) => false,
        };
        if shared {
            errors.at(given, "the scope is the header that holds the key: it must tell whose key it is");
        }
    }
}

/// What is read of the body must suit the body.
fn content_against_body(
    options: &Options,
    last: Option<&Argument>,
    key: Option<&Key>,
    fingerprint: Option<&Fingerprint>,
    errors: &mut Errors,
) {
    let Some(last) = last else { return };
    let known = known::extractor(&last.ty);
    let (format, json) = match known {
        Some(Known::Multipart) => ("a multipart body", false),
        Some(Known::Form) => ("a form", false),
        _ => ("", true),
    };
    if let (Some(Key::Source(Source::Body(_))), Some(given), false) = (key, options.expression(Name::Key).given(), json)
    {
        errors.at(given, format!("`key`: {format} is no JSON, and a JSON pointer cannot point into it"));
    }
    let slot = options.expression(Name::Fingerprint);
    match (known, fingerprint, slot) {
        (Some(Known::Multipart), None, Slot::Absent) => {
            let message = "a multipart body differs on every retry, by its boundary: \
                           add `fingerprint = \"none\"`, or an expression over the other arguments";
            errors.at(&last.ty, message);
        }
        (Some(Known::Multipart), Some(Fingerprint::Body | Fingerprint::Json), Slot::Given(given)) => {
            let message = "`fingerprint`: a multipart body differs on every retry, by its boundary, \
                           write `fingerprint = \"none\"`, or an expression over the other arguments";
            errors.at(given, message);
        }
        (Some(Known::Form), Some(Fingerprint::Json), Slot::Given(given)) => {
            errors.at(given, say("fingerprint", "a form is no JSON", "\"body\""));
        }
        _ => {}
    }
}
