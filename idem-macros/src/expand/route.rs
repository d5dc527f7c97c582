//! The route's policy as a `static`.

use proc_macro2::{Literal, TokenStream};
use quote::quote_spanned;

use super::own;
use crate::model::{
    Source,
    policy::{Fingerprint, Http, InFlight, Key, Missing, OnFailure, Policy, Record, Scope},
};

/// An expression for the `&'static Route`.
pub(super) fn route(policy: &Policy, http: &Http, hidden: &TokenStream) -> TokenStream {
    let own = own();
    let operation = option(policy.operation.as_ref().map(|name| text(name, hidden)));
    let ttl = duration(policy.ttl, hidden);
    let lease = option(policy.lease.map(|lease| duration(lease, hidden)));
    let (key, scope) = (key(&policy.key, hidden), scope(&policy.scope, hidden));
    let missing = option(http.missing.map(|given| missing(given, hidden)));
    let replay_status = option(http.replay_status.map(Literal::u16_unsuffixed));
    let record = option(http.record.as_ref().map(|record| match record {
        Record::Success => quote_spanned!(own=> #hidden::Recorded::Success),
        Record::Final => quote_spanned!(own=> #hidden::Recorded::Final),
        Record::Chosen(function) => quote_spanned!(own=> #hidden::Recorded::Chosen(#function)),
    }));
    let on_failure = option(policy.on_failure.map(|given| on_failure(given, hidden)));
    let in_flight = option(policy.in_flight.map(|given| in_flight(given, hidden)));
    let fingerprint = match &policy.fingerprint {
        Fingerprint::Body => quote_spanned!(own=> Body),
        Fingerprint::Json => quote_spanned!(own=> Json),
        Fingerprint::None => quote_spanned!(own=> None),
        Fingerprint::Expression(_) => quote_spanned!(own=> Arguments),
    };
    let max_response = option(http.max_response.map(Literal::u64_unsuffixed));
    quote_spanned! {own=>
        {
            static __ROUTE: #hidden::Route = #hidden::Route {
                operation: #operation,
                ttl: #ttl,
                lease: #lease,
                key: #hidden::KeySource::#key,
                scope: #hidden::ScopeSource::#scope,
                missing: #missing,
                replay_status: #replay_status,
                record: #record,
                on_failure: #on_failure,
                in_flight: #in_flight,
                fingerprint: #hidden::Content::#fingerprint,
                max_response: #max_response,
            };
            &__ROUTE
        }
    }
}

/// The variant of `KeySource`.
pub(super) fn key(key: &Key, hidden: &TokenStream) -> TokenStream {
    let own = own();
    let (variant, name) = match key {
        Key::Source(Source::Header(name)) => (quote_spanned!(own=> Header), name),
        Key::Source(Source::Path(name)) => (quote_spanned!(own=> Path), name),
        Key::Source(Source::Query(name)) => (quote_spanned!(own=> Query), name),
        Key::Source(Source::Body(pointer)) => (quote_spanned!(own=> Body), pointer),
        Key::Expression(_) => return quote_spanned!(own=> Arguments),
    };
    let name = text(name, hidden);
    quote_spanned!(own=> #variant(#name))
}

/// The variant of `ScopeSource`.
pub(super) fn scope(scope: &Scope, hidden: &TokenStream) -> TokenStream {
    let own = own();
    match scope {
        Scope::None => quote_spanned!(own=> None),
        Scope::Header(name) => {
            let name = text(name, hidden);
            quote_spanned!(own=> Header(#name))
        }
        Scope::Expression(_) => quote_spanned!(own=> Arguments),
    }
}

pub(super) fn missing(missing: Missing, hidden: &TokenStream) -> TokenStream {
    let own = own();
    match missing {
        Missing::Execute => quote_spanned!(own=> #hidden::Missing::Execute),
        Missing::Refuse(status) => {
            let status = Literal::u16_unsuffixed(status);
            quote_spanned!(own=> #hidden::Missing::Refuse(#status))
        }
    }
}

pub(super) fn on_failure(on_failure: OnFailure, hidden: &TokenStream) -> TokenStream {
    match on_failure {
        OnFailure::Retry => quote_spanned!(own()=> #hidden::OnFailure::Retry),
        OnFailure::Keep => quote_spanned!(own()=> #hidden::OnFailure::Keep),
    }
}

pub(super) fn in_flight(in_flight: InFlight, hidden: &TokenStream) -> TokenStream {
    match in_flight {
        InFlight::Reject => quote_spanned!(own()=> #hidden::InFlight::Reject),
        InFlight::Wait(time) => {
            let time = duration(time, hidden);
            quote_spanned!(own()=> #hidden::InFlight::Wait(#time))
        }
    }
}

/// An `Option`, as it is for what was not written.
pub(super) fn option(value: Option<impl quote::ToTokens>) -> TokenStream {
    let own = own();
    match value {
        Some(value) => quote_spanned!(own=> ::core::option::Option::Some(#value)),
        None => quote_spanned!(own=> ::core::option::Option::None),
    }
}

fn text(text: &str, hidden: &TokenStream) -> TokenStream {
    quote_spanned!(own()=> #hidden::text(#text))
}

pub(super) fn duration(milliseconds: u64, hidden: &TokenStream) -> TokenStream {
    let milliseconds = Literal::u64_unsuffixed(milliseconds);
    quote_spanned!(own()=> #hidden::milliseconds(#milliseconds))
}
