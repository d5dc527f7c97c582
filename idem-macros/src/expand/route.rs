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
    let (ttl, lease) = (duration(policy.ttl, hidden), duration(policy.lease, hidden));
    let (key, scope, missing) = (key(&policy.key, hidden), scope(&policy.scope, hidden), missing(http.missing));
    let replay_status = option(http.replay_status.map(Literal::u16_unsuffixed));
    let record = match &http.record {
        Record::Success => quote_spanned!(own=> Success),
        Record::Final => quote_spanned!(own=> Final),
        Record::Chosen(function) => quote_spanned!(own=> Chosen(#function)),
    };
    let on_failure = on_failure(policy.on_failure);
    let in_flight = in_flight(policy.in_flight, hidden);
    let fingerprint = match &policy.fingerprint {
        Fingerprint::Body => quote_spanned!(own=> Body),
        Fingerprint::Json => quote_spanned!(own=> Json),
        Fingerprint::None => quote_spanned!(own=> None),
        Fingerprint::Expression(_) => quote_spanned!(own=> Arguments),
    };
    let max_response = Literal::u64_unsuffixed(http.max_response);
    quote_spanned! {own=>
        {
            static __ROUTE: #hidden::Route = #hidden::Route {
                operation: #operation,
                ttl: #ttl,
                lease: #lease,
                key: #hidden::KeySource::#key,
                scope: #hidden::ScopeSource::#scope,
                missing: #hidden::Missing::#missing,
                replay_status: #replay_status,
                record: #hidden::Recorded::#record,
                on_failure: #hidden::OnFailure::#on_failure,
                in_flight: #hidden::InFlight::#in_flight,
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

/// The variant of `Missing`.
pub(super) fn missing(missing: Missing) -> TokenStream {
    let own = own();
    match missing {
        Missing::Execute => quote_spanned!(own=> Execute),
        Missing::Refuse(status) => {
            let status = Literal::u16_unsuffixed(status);
            quote_spanned!(own=> Refuse(#status))
        }
    }
}

/// The variant of `OnFailure`.
pub(super) fn on_failure(on_failure: OnFailure) -> TokenStream {
    match on_failure {
        OnFailure::Retry => quote_spanned!(own()=> Retry),
        OnFailure::Keep => quote_spanned!(own()=> Keep),
    }
}

/// The variant of `InFlight`.
pub(super) fn in_flight(in_flight: InFlight, hidden: &TokenStream) -> TokenStream {
    match in_flight {
        InFlight::Reject => quote_spanned!(own()=> Reject),
        InFlight::Wait(time) => {
            let time = duration(time, hidden);
            quote_spanned!(own()=> Wait(#time))
        }
    }
}

fn option(value: Option<impl quote::ToTokens>) -> TokenStream {
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
