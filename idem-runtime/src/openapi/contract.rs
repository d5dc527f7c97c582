//! What the options of one route mean for its clients, as the expansion hands them over.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Required, response::Response};
use utoipa::{IntoParams, IntoResponses};

use super::problem;
use crate::RefusalCode;
use crate::engine::OnFailure;
use crate::http::route::{KeySource, Missing, ScopeSource};

/// What a client of one route has to know.
#[derive(Clone, Debug)]
pub struct Contract {
    /// Where the key comes from.
    pub key: KeySource,
    /// Whose key it is.
    pub scope: ScopeSource,
    /// What a request without a key means, if the attribute says so.
    pub missing: Option<Missing>,
    /// What a failure means, if the attribute says so.
    pub on_failure: Option<OnFailure>,
    /// Whether the key is a parameter that the user does not describe.
    pub describe_key: bool,
    /// Whether the scope is one.
    pub describe_scope: bool,
}

/// A type that stands for one route.
pub trait HasContract {
    /// The route's.
    const CONTRACT: Contract;
}

/// The parameters of a route.
#[derive(Debug)]
pub struct Parameters<T>(PhantomData<T>);

impl<T: HasContract> IntoParams for Parameters<T> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        T::CONTRACT.parameters()
    }
}

/// The refusals of a route.
#[derive(Debug)]
pub struct Responses<T>(PhantomData<T>);

impl<T: HasContract> IntoResponses for Responses<T> {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let refusals = T::CONTRACT.refusals();
        refusals
            .into_iter()
            .map(|(status, codes)| (status.to_string(), RefOr::T(problem::response(status, &codes))))
            .collect()
    }
}

const KEY: &str = "Names this request. Send a new key, a UUID for instance, with every new request, and the same key with \
                   every retry of it: a retry gets the recorded answer.";
const SCOPE: &str = "Says whose idempotency key it is: the same key under two of these is two keys.";

impl Contract {
    fn parameters(&self) -> Vec<Parameter> {
        let mut parameters = Vec::new();
        let required = if self.has_to_have_a_key() { Required::True } else { Required::False };
        if self.describe_key {
            // 1 to 255 bytes of visible ASCII: `key_header::check`.
            let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(255));
            let parameter = match &self.key {
                KeySource::Header(name) => Some((as_written(name), ParameterIn::Header)),
                KeySource::Query(name) => Some((name.clone().into_owned(), ParameterIn::Query)),
                KeySource::Path(_) | KeySource::Body(_) | KeySource::Arguments => None,
            };
            parameters.extend(parameter.map(|(name, place)| parameter_of(name, place, required.clone(), KEY, text)));
        }
        if self.describe_scope
            && let ScopeSource::Header(name) = &self.scope
        {
            let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1));
            parameters.push(parameter_of(as_written(name), ParameterIn::Header, required, SCOPE, text));
        }
        parameters
    }

    /// Whether no request runs without a key. The scope is asked for only where there is one.
    const fn has_to_have_a_key(&self) -> bool {
        matches!(self.missing(), Missing::Refuse(_))
    }

    /// The default is this crate's: a document is made without the application's [`Defaults`](crate::Defaults).
    const fn missing(&self) -> Missing {
        match self.missing {
            Some(missing) => missing,
            None => crate::Defaults::new().of_missing(),
        }
    }

    /// The codes of each status. Not `misconfigured`, which is a mistake of the server's that nobody builds upon.
    fn refusals(&self) -> BTreeMap<u16, Vec<RefusalCode>> {
        let mut codes = Vec::new();
        match (self.missing(), &self.key) {
            (
                Missing::Refuse(status),
                KeySource::Header(_) | KeySource::Query(_) | KeySource::Body(_) | KeySource::Arguments,
            ) => {
                codes.push((status, RefusalCode::MissingKey));
            }
            // The route does not match without its parameter.
            (_, KeySource::Path(_)) | (Missing::Execute, _) => {}
        }
        let mut add = |code: RefusalCode| codes.push((crate::Refusal::from(code).status().as_u16(), code));
        add(RefusalCode::InvalidKey);
        match &self.scope {
            ScopeSource::None => {}
            ScopeSource::Header(_) => {
                [RefusalCode::MissingScope, RefusalCode::InvalidScope].into_iter().for_each(&mut add)
            }
            ScopeSource::Arguments => add(RefusalCode::MissingScope),
        }
        add(RefusalCode::InProgress);
        if matches!(self.on_failure, Some(OnFailure::Keep)) {
            add(RefusalCode::OutcomeUnknown);
        }
        [RefusalCode::ResponseNotKept, RefusalCode::KeyReused, RefusalCode::StoreUnavailable, RefusalCode::Draining]
            .into_iter()
            .for_each(add);
        let mut refusals = BTreeMap::<u16, Vec<RefusalCode>>::new();
        for (status, code) in codes {
            refusals.entry(status).or_default().push(code);
        }
        refusals
    }
}

fn parameter_of(
    name: String,
    place: ParameterIn,
    required: Required,
    description: &str,
    text: ObjectBuilder,
) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(required)
        .description(Some(description))
        .schema(Some(text))
        .build()
}

/// A header's name as people write it: `Idempotency-Key`. The macro has it in lower case.
pub(super) fn as_written(name: &str) -> String {
    let mut begins = true;
    let letters = name.chars().map(|letter| {
        let written = if begins { letter.to_ascii_uppercase() } else { letter };
        begins = letter == '-';
        written
    });
    letters.collect()
}

#[cfg(test)]
mod tests {
    use RefusalCode::{
        Draining, InProgress, InvalidKey, InvalidScope, KeyReused, MissingKey, MissingScope, OutcomeUnknown,
        ResponseNotKept, StoreUnavailable,
    };

    use super::*;

    const PLAIN: Contract = super::super::without_options(None, None);

    #[track_caller]
    fn refuses(contract: Contract, expected: &[(u16, &[RefusalCode])]) {
        let refusals = contract.refusals();
        let refusals: Vec<_> = refusals.iter().map(|(status, codes)| (*status, codes.as_slice())).collect();
        assert_eq!(refusals, expected);
    }

    const CONFLICT: (u16, &[RefusalCode]) = (409, &[InProgress, ResponseNotKept]);
    const REUSED: (u16, &[RefusalCode]) = (422, &[KeyReused]);
    const UNAVAILABLE: (u16, &[RefusalCode]) = (503, &[StoreUnavailable, Draining]);

    #[test]
    fn a_route_refuses_what_its_options_say() {
        refuses(PLAIN, &[(400, &[MissingKey, InvalidKey]), CONFLICT, REUSED, UNAVAILABLE]);
        let missing = |missing| Contract { missing: Some(missing), ..PLAIN };
        refuses(missing(Missing::Execute), &[(400, &[InvalidKey]), CONFLICT, REUSED, UNAVAILABLE]);
        refuses(
            missing(Missing::Refuse(428)),
            &[(400, &[InvalidKey]), CONFLICT, REUSED, (428, &[MissingKey]), UNAVAILABLE],
        );
        refuses(
            missing(Missing::Refuse(409)),
            &[(400, &[InvalidKey]), (409, &[MissingKey, InProgress, ResponseNotKept]), REUSED, UNAVAILABLE],
        );
        let path = Contract { key: KeySource::Path("id".into()), ..PLAIN };
        refuses(path, &[(400, &[InvalidKey]), CONFLICT, REUSED, UNAVAILABLE]);
        let keep = Contract { on_failure: Some(OnFailure::Keep), ..PLAIN };
        let conflict = (409, &[InProgress, OutcomeUnknown, ResponseNotKept][..]);
        refuses(keep, &[(400, &[MissingKey, InvalidKey]), conflict, REUSED, UNAVAILABLE]);
        let scoped = |scope| Contract { scope, ..PLAIN };
        refuses(
            scoped(ScopeSource::Header("x-tenant".into())),
            &[(400, &[MissingKey, InvalidKey, MissingScope, InvalidScope]), CONFLICT, REUSED, UNAVAILABLE],
        );
        refuses(
            scoped(ScopeSource::Arguments),
            &[(400, &[MissingKey, InvalidKey, MissingScope]), CONFLICT, REUSED, UNAVAILABLE],
        );
    }

    #[test]
    fn a_header_is_written_as_people_write_it() {
        assert_eq!(as_written("idempotency-key"), "Idempotency-Key");
        assert_eq!(as_written("x"), "X");
        assert_eq!(as_written("x-2nd--key"), "X-2nd--Key");
    }
}
