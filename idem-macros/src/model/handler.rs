//! What is said of a handler: options and signature, each judged by itself and against the others.

use super::{
    argument::{self, Argument},
    function,
    judge::Judge,
    known::{self, Known},
    lease_within_ttl,
    policy::{Fingerprint, Http, Key, Missing, Policy, Scope},
    required,
    source::Source,
    value::say,
};
use crate::{
    args::{Name, Options, Slot},
    attribute::Kind,
    errors::Errors,
    item::Function,
};

/// A handler that is right, with what its route does.
pub(crate) struct Handler {
    pub(crate) function: Function,
    pub(crate) arguments: Vec<Argument>,
    pub(crate) policy: Policy,
    pub(crate) http: Http,
}

/// Checks everything. Gives nothing if there are errors, found here or before.
pub(crate) fn check(options: &Options, function: Option<Function>, errors: &mut Errors) -> Option<Handler> {
    let arguments = function.as_ref().map(|function| function::handler(function, errors));
    let bindings = argument::all_bindings(arguments.as_deref().unwrap_or_default());
    let name = function.as_ref().map(|function| &function.signature.ident);
    let mut judge = Judge { options, function: name, bindings: &bindings, errors };

    let (ttl, lease) = (judge.ttl(), judge.lease());
    let (key, scope, operation) = (judge.key(), judge.scope(), judge.operation());
    let (missing, replay_status, record) = (judge.missing(), judge.replay_status(), judge.record());
    let (on_failure, in_flight) = (judge.on_failure(), judge.in_flight());
    let (fingerprint, max_response, state) = (judge.fingerprint(), judge.max_response(), judge.state());

    required(Kind::Handler, Name::Ttl, "how long is the response replayed?", options, errors);
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
        lease,
        key: key.unwrap_or_else(|| Key::Source(Source::Header("idempotency-key".to_owned()))),
        scope: scope.unwrap_or(Scope::None),
        on_failure,
        in_flight,
        fingerprint: fingerprint.unwrap_or(Fingerprint::Body),
        runtime: options.runtime.given().cloned(),
    };
    let http = Http { missing, replay_status, record, max_response, state };
    Some(Handler { function: function?, arguments: arguments?, policy, http })
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
            errors.at(
                given,
                "the scope is the header that holds the key: name whose key it is, as in `scope = \"header:X-Tenant\"`",
            );
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
