//! Whether the options of a layer go together, and what to write instead.

use std::borrow::Cow;
use std::time::Duration;

use http::Method;

use super::check;
use super::mistake::LayerMistake;
use crate::InFlight;
use crate::bounds;
use crate::http::route::{KeySource, Missing, Route, ScopeSource};
use crate::http::wanted::{Place, Places};

/// Where key and scope are, if all is well. Names of headers are in lower case afterwards, as they are looked for.
pub(super) fn judge(route: &mut Route, methods: &[Method], except: &[(Method, String)]) -> (Places, Vec<LayerMistake>) {
    let (mut places, mut mistakes) = (Places { key: Place::Elsewhere, scope: None }, Vec::new());
    mistakes.extend(check::duration("ttl", route.ttl, bounds::TTL));
    match &mut route.key {
        KeySource::Header(name) => match check::key_header(name) {
            Ok(field) => {
                *name = Cow::Owned(field.as_str().to_owned());
                places.key = Place::Header(field);
            }
            Err(mistake) => mistakes.push(mistake),
        },
        KeySource::Path(name) => {
            places.key = Place::PathParameter;
            mistakes.extend(check::path_parameter(name));
        }
        KeySource::Query(name) => mistakes.extend(check::query_parameter(name)),
        KeySource::Body(pointer) => mistakes.extend(check::pointer(pointer)),
        KeySource::Arguments => {}
    }
    if let ScopeSource::Header(name) = &mut route.scope {
        match check::scope_header(name) {
            Ok(field) => {
                *name = Cow::Owned(field.as_str().to_owned());
                places.scope = Some(field);
            }
            Err(mistake) => mistakes.push(mistake),
        }
    }
    mistakes.extend(key_against_others(route));
    mistakes.extend(route.operation.as_deref().and_then(check::operation));
    if let Some(Missing::Refuse(status)) = route.missing {
        mistakes.extend(check::missing_status(status));
    }
    mistakes.extend(route.replay_status.and_then(check::replay_status));
    if let Some(InFlight::Wait(time)) = route.in_flight {
        mistakes.extend(check::duration("in_flight", time, bounds::WAIT));
    }
    mistakes.extend(lease_within_ttl(route));
    mistakes.extend(route.max_response.and_then(check::max_response));
    mistakes.extend(check::methods(methods));
    mistakes.extend(except.iter().filter_map(|(_, route)| check::excepted(route)));
    (places, mistakes)
}

fn key_against_others(route: &Route) -> Option<LayerMistake> {
    match (&route.key, &route.scope, route.missing) {
        (KeySource::Path(name), _, Some(Missing::Execute)) => {
            let problem = format!("the path always has `{name}`, so the key is never missing");
            Some(LayerMistake::new("missing", problem, "missing(Missing::Refuse(400))"))
        }
        (KeySource::Header(key), ScopeSource::Header(scope), _) if key.eq_ignore_ascii_case(scope) => {
            let problem = "it is the header that holds the key: name whose key it is";
            Some(LayerMistake::new("scope_header", problem, "scope_header(\"X-Tenant\")"))
        }
        _ => None,
    }
}

fn lease_within_ttl(route: &Route) -> Option<LayerMistake> {
    let lease = route.lease?;
    let wrong = check::duration("lease", lease, bounds::LEASE);
    if wrong.is_some() || lease < route.ttl || route.ttl < bounds::TTL.least {
        return wrong;
    }
    let problem = format!("{lease:?} is not under the ttl of {:?}", route.ttl);
    // A third leaves time for two more owners before the record expires.
    let third = route.ttl / 3;
    let round =
        if third < Duration::from_secs(1) { third.as_millis() as u64 / 100 * 100 } else { third.as_secs() * 1000 };
    Some(LayerMistake::new("lease", problem, check::shown(Duration::from_millis(round))))
}
