//! A request that is guarded: what it is shown as, and what is answered instead of its handler's own answer.

use std::future::Future;

use axum::extract::MatchedPath;
use axum::response::Response;
use bytes::Bytes;
use http::header::CACHE_CONTROL;
use http::{HeaderValue, StatusCode};

use super::guarded::Request;
use super::key_value::Arguments;
use super::refusal::{Refusal, RefusalCode};
use super::route::{Guard, Route};
use super::{cors, message};
use crate::Idempotency;
use crate::digest::RecordKey;
use crate::engine::{Answer, Attempt, Call, Finished, Refused, UnavailableBecause};
use crate::telemetry::{Operation, Outcome, Seen};

/// A request, and how it is guarded.
pub(super) struct Start {
    pub(super) route: Guard,
    pub(super) request: Request,
    pub(super) arguments: Arguments,
}

pub(super) fn see(start: &Start) -> Seen {
    let Start { route, request, .. } = start;
    let matched_path = request.matched_path.as_ref().map(MatchedPath::as_str);
    let operation = Operation::of_route(route, &request.method, matched_path);
    Seen::of(operation, request.idempotency.engine())
}

/// Why nobody looks at the key of a request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unguarded {
    /// It has none.
    Keyless,
    /// The application has switched the guard off.
    Bypassed,
}

impl Unguarded {
    pub(super) const fn outcome(self) -> Outcome {
        match self {
            Self::Keyless => Outcome::Unprotected,
            Self::Bypassed => Outcome::Bypassed,
        }
    }

    pub(super) fn mark(self, mut response: Response) -> Response {
        if let Self::Bypassed = self {
            response.headers_mut().insert(cors::BYPASSED, HeaderValue::from_static("true"));
        }
        response
    }
}

pub(super) fn refuse(idempotency: &Idempotency, seen: &Seen, refusal: &Refusal) -> Response {
    seen.end(Outcome::of_refusal(refusal.code()));
    idempotency.face().render.render(refusal)
}

/// The response of a request whose handler did not run, or whose answer must not be given.
pub(super) enum Instead {
    Replayed(Response),
    Refused(Response),
}

impl Instead {
    pub(super) fn into_response(self) -> Response {
        match self {
            Self::Replayed(response) | Self::Refused(response) => response,
        }
    }
}

/// A request whose record is known.
pub(super) struct Identified {
    pub(super) route: Guard,
    pub(super) idempotency: Idempotency,
    pub(super) origin: Option<HeaderValue>,
    pub(super) call: Call,
    pub(super) attempt: Attempt,
}

impl Identified {
    /// What the work comes to that `prepared` gives, if it runs here and now; or what is answered instead.
    pub(super) async fn execute<T, F>(&mut self, seen: &Seen, prepared: impl Future<Output = F>) -> Result<T, Instead>
    where
        F: Future<Output = Finished<T>>,
    {
        let Self { route, idempotency, origin, call, attempt } = self;
        match idempotency.engine().go_on(call, attempt, prepared).await {
            Ok(Answer::Executed(answer)) => {
                seen.end(Outcome::Executed);
                Ok(answer)
            }
            Ok(Answer::Replay { head, body }) => {
                let replay = Replay { route, idempotency, origin: origin.as_ref(), key: call.key };
                Err(replay.give(seen, &head, body))
            }
            Err(refused) => Err(Instead::Refused(refuse(idempotency, seen, &refusal_of(&refused)))),
        }
    }
}

/// For whom a record is given again.
pub(super) struct Replay<'a> {
    pub(super) route: &'a Route,
    pub(super) idempotency: &'a Idempotency,
    pub(super) origin: Option<&'a HeaderValue>,
    pub(super) key: RecordKey,
}

impl Replay<'_> {
    pub(super) fn give(self, seen: &Seen, head: &Bytes, body: Bytes) -> Instead {
        match message::decode(head, body) {
            Ok(mut response) => {
                seen.end(Outcome::Replayed);
                mark_replayed(self.route, self.idempotency.face().replayed_header.clone(), &mut response);
                cors::keep_to(self.origin, response.headers_mut());
                Instead::Replayed(response)
            }
            Err(error) => {
                tracing::error!(key = %self.key, %error, "a record cannot be replayed");
                Instead::Refused(refuse(self.idempotency, seen, &Refusal::new(RefusalCode::StoreUnavailable)))
            }
        }
    }
}

fn mark_replayed(route: &Route, marker: http::HeaderName, response: &mut Response) {
    if let Some(status) = route.replay_status.and_then(|status| StatusCode::from_u16(status).ok())
        && response.status().is_success()
    {
        *response.status_mut() = status;
    }
    let headers = response.headers_mut();
    headers.insert(marker, HeaderValue::from_static("true"));
    // A shared cache must not serve what was recorded for one client.
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

pub(super) fn refusal_of(refused: &Refused) -> Refusal {
    Refusal::new(match refused {
        Refused::KeyReused => RefusalCode::KeyReused,
        Refused::InProgress => RefusalCode::InProgress,
        Refused::OutcomeUnknown => RefusalCode::OutcomeUnknown,
        Refused::ResponseNotKept => RefusalCode::ResponseNotKept,
        Refused::Draining => RefusalCode::Draining,
        Refused::Unavailable(
            UnavailableBecause::Store(_)
            | UnavailableBecause::LateClaim
            | UnavailableBecause::Contended
            | UnavailableBecause::ClaimLost,
        ) => RefusalCode::StoreUnavailable,
    })
}
