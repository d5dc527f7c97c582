//! What an attribute says, as the expansion hands it over.

use std::borrow::Cow;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use http::response::Parts;

use crate::defaults::{Defaults, Given};
use crate::engine::{InFlight, OnFailure, Policy};

/// A time of a route.
#[must_use]
pub const fn milliseconds(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A name of a route: a literal in what is expanded, and a value where a route is made at run time.
#[must_use]
pub const fn text(text: &'static str) -> Cow<'static, str> {
    Cow::Borrowed(text)
}

/// How the requests of one annotated handler are guarded, or of all routes that a layer is around. What is `None` is not
/// written: the application's [`Defaults`] say it.
#[derive(Debug)]
pub struct Route {
    /// The operation's name; without one, method and matched route.
    pub operation: Option<Cow<'static, str>>,
    /// How long the recorded response is replayed.
    pub ttl: Duration,
    /// How long a claim outlives the last sign of life of its owner.
    pub lease: Option<Duration>,
    /// Where the key comes from.
    pub key: KeySource,
    /// Whose key it is.
    pub scope: ScopeSource,
    /// What a request without a key means.
    pub missing: Option<Missing>,
    /// The status of a replayed success.
    pub replay_status: Option<u16>,
    /// Which answers are recorded.
    pub record: Option<Recorded>,
    /// What a failure means.
    pub on_failure: Option<OnFailure>,
    /// What happens to a duplicate while the first one runs.
    pub in_flight: Option<InFlight>,
    /// What has to be the same for a retry to count as the same request.
    pub fingerprint: Content,
    /// The largest body that is recorded, in bytes.
    pub max_response: Option<usize>,
}

impl Route {
    /// How it is treated where an attribute leaves the rest to `defaults`.
    pub(crate) fn rules(&self, defaults: &Defaults) -> Rules {
        let Self { ttl, lease, on_failure, in_flight, .. } = *self;
        Rules {
            policy: defaults.policy(Given { ttl, lease, on_failure, in_flight }),
            missing: self.missing.unwrap_or(defaults.of_missing()),
            record: self.record.unwrap_or(defaults.of_record()),
            max_response: self.max_response.unwrap_or(defaults.of_max_response()),
        }
    }
}

/// How a request of one route is treated, nothing left open.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) policy: Policy,
    pub(crate) missing: Missing,
    pub(crate) record: Recorded,
    pub(crate) max_response: usize,
}

/// The route of a request: one that an attribute describes, or one that an application has made.
#[derive(Clone, Debug)]
pub(crate) enum Guard {
    Static(&'static Route),
    Shared(Arc<Route>),
}

impl Deref for Guard {
    type Target = Route;

    fn deref(&self) -> &Route {
        match self {
            Self::Static(route) => route,
            Self::Shared(route) => route,
        }
    }
}

/// Where the key comes from.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// A header, by its lower-case name.
    Header(Cow<'static, str>),
    /// A parameter of the path.
    Path(Cow<'static, str>),
    /// A parameter of the query.
    Query(Cow<'static, str>),
    /// A JSON pointer (RFC 6901) into the body.
    Body(Cow<'static, str>),
    /// An expression over the handler's arguments.
    Arguments,
}

/// Whose key it is.
#[derive(Clone, Debug)]
pub enum ScopeSource {
    /// Everybody's.
    None,
    /// A header, by its lower-case name.
    Header(Cow<'static, str>),
    /// An expression over the handler's arguments.
    Arguments,
}

/// What a request without a key means.
#[derive(Clone, Copy, Debug)]
pub enum Missing {
    /// It runs unprotected.
    Execute,
    /// It is refused with this 4xx status.
    Refuse(u16),
}

/// Which answers are recorded. Failures (5xx) are not asked about here: `on_failure` decides.
#[derive(Clone, Copy, Debug)]
pub enum Recorded {
    /// 2xx and 3xx.
    Success,
    /// Those, and every 4xx that is an answer about this request and no invitation to retry.
    Final,
    /// Those for which this says yes.
    Chosen(fn(&Parts) -> bool),
}

/// What has to be the same for a retry, beside method, path and query.
#[derive(Clone, Copy, Debug)]
pub enum Content {
    /// The body, byte for byte.
    Body,
    /// The body as a JSON value: order of members and white space do not matter.
    Json,
    /// Nothing more.
    None,
    /// An expression over the handler's arguments.
    Arguments,
}
