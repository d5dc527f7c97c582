//! Which record a request belongs to.

use axum::extract::MatchedPath;
use axum::response::Response;

use super::call::{Identified, Replay, Start};
use super::execution::Execution;
use super::guarded::{Keyed, Request};
use super::key_text::KeyText;
use super::refusal::{Refusal, RefusalCode};
use super::route::{Content, Guard, Missing, Route, Rules};
use super::{content, key};
use crate::digest::{Digester, Fingerprint, OperationName, RecordKey};
use crate::engine::Attempt;
use crate::telemetry::Seen;

/// Which record a request belongs to, and what it has to match.
pub(super) struct Ids {
    text: KeyText,
    pub(super) key: RecordKey,
    pub(super) fingerprint: Fingerprint,
}

impl Ids {
    /// The recorded response, if the store can tell at once that there is one. Otherwise, the attempt goes on.
    pub(super) fn replay_at_once(&self, start: &Start, attempt: &mut Attempt, seen: &Seen) -> Option<Response> {
        let Start { route, request, .. } = start;
        seen.identified(self.key);
        if request.execution.as_ref().is_some_and(|execution| execution.transaction().is_some()) {
            return None;
        }
        let (head, body) = request.idempotency.engine().replay_at_once(attempt)?;
        if let Some(execution) = &request.execution {
            execution.know(self.text.clone(), request.idempotency.clone());
        }
        let origin = request.keyed.as_ref().and_then(|keyed| keyed.origin.as_ref());
        let replay = Replay { route, idempotency: &request.idempotency, origin, key: self.key };
        Some(replay.give(seen, &head, body).into_response())
    }

    /// With these, the request can be called.
    pub(super) fn of(self, start: Start, rules: &Rules, seen: &Seen) -> (Identified, Execution) {
        seen.identified(self.key);
        let attempt = Attempt::new(self.key, self.fingerprint, &rules.policy);
        self.go_on(start, rules, attempt)
    }

    pub(super) fn go_on(self, start: Start, rules: &Rules, attempt: Attempt) -> (Identified, Execution) {
        let Start { route, request: Request { idempotency, execution, keyed, .. }, .. } = start;
        let execution = execution.unwrap_or_else(Execution::new);
        let Self { text, key, fingerprint } = self;
        let call = match &route {
            Guard::Static(_) => execution.call(text, idempotency.clone(), key, fingerprint, rules.policy),
            Guard::Shared(_) => execution.call_of_layer(text, idempotency.clone(), key, fingerprint, rules.policy),
        };
        let origin = keyed.and_then(|keyed| keyed.origin);
        (Identified { route, idempotency, origin, call, attempt }, execution)
    }
}

/// `None` if the request has no key and runs unprotected.
pub(super) fn identify(start: &mut Start, rules: &Rules) -> Result<Option<Ids>, Refusal> {
    let Start { route, request, arguments } = start;
    let text = match &mut request.keyed {
        Some(keyed) => key::find(&route.key, keyed, request.matched_path.as_ref(), arguments.key.take())?,
        None => None,
    };
    let (Some(text), Some(keyed)) = (text, &request.keyed) else {
        return match rules.missing {
            Missing::Execute => Ok(None),
            Missing::Refuse(status) => Err(Refusal::missing_key(&route.key, status)),
        };
    };
    let scope = key::find_scope(&route.scope, keyed, arguments.scope.take())?;
    let key = record_key(route, request, keyed, scope.as_deref(), text.as_str());
    let digester = request.idempotency.digester();
    let fingerprint = fingerprint(route, digester, request, keyed, key, arguments.fingerprint.take())?;
    Ok(Some(Ids { text, key, fingerprint }))
}

fn record_key(route: &Guard, request: &Request, keyed: &Keyed, scope: Option<&str>, text: &str) -> RecordKey {
    let method = request.method.as_str();
    let path = || request.matched_path.as_ref().map_or_else(|| keyed.uri.path(), MatchedPath::as_str);
    let operation = match (route, &route.operation) {
        (Guard::Static(_), Some(name)) => OperationName::Named(name),
        (Guard::Static(_), None) => OperationName::Route { method, path: path() },
        (Guard::Shared(_), Some(name)) => OperationName::LayerNamed(name),
        (Guard::Shared(_), None) => OperationName::LayerRoute { method, path: path() },
    };
    request.idempotency.digester().key_of(operation, scope, text)
}

fn fingerprint(
    route: &Route,
    digester: &Digester,
    request: &Request,
    keyed: &Keyed,
    key: RecordKey,
    from_arguments: Option<Result<Vec<u8>, serde_json::Error>>,
) -> Result<Fingerprint, Refusal> {
    let of_json;
    let of_arguments;
    let content: &[u8] = match route.fingerprint {
        Content::Body => &keyed.body,
        Content::Json => {
            of_json = content::of_json(&keyed.body);
            &of_json
        }
        Content::None => &[],
        Content::Arguments => match from_arguments {
            Some(Ok(content)) => {
                of_arguments = content;
                &of_arguments
            }
            // Without it, another request could pass for this one.
            Some(Err(error)) => {
                tracing::error!(%key, %error, "the route's fingerprint cannot be serialised");
                return Err(Refusal::new(RefusalCode::Misconfigured));
            }
            None => return Err(Refusal::new(RefusalCode::Misconfigured)),
        },
    };
    let method = request.method.as_str();
    let path = keyed.uri.path();
    Ok(match keyed.uri.query() {
        Some(query) => digester.fingerprint(key, &[method, path, query], content),
        None => digester.fingerprint(key, &[method, path], content),
    })
}
