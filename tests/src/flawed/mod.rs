//! A server that guards its orders by itself, without this project's code, and with one mistake that it was asked to make:
//! what the program that judges servers has to find.

mod key;
mod refusal;
mod relay;
mod shop;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use crate::server::Server;
pub use relay::Relay;
use shop::Shop;

/// One mistake. What becomes of each statement stands in the test of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[allow(missing_docs, reason = "each name says it")]
pub enum Flaw {
    None,
    Unguarded,
    // What stands under a key.
    ReplaysToAnyPayload,
    ReuseIs409,
    OtherSpacingIsNew,
    OtherPayloadReplaces,
    ForgetsAfterOneReplay,
    RetryHasAnotherStatus,
    KeepsWhatIsInvalid,
    SharesKeysBetweenClients,
    ReplaysBeforeLogin,
    ErrorsDiffer,
    MissingKeyRuns,
    FirstIsRefused,
    // Requests at once.
    ChecksThenActs,
    ConflictIs500,
    ConflictBeforePayload,
    ConflictIsKept,
    ConflictWithoutRetryAfter,
    // How keys are read.
    EmptyKeyRuns,
    RunsBeforeKeyIsJudged,
    CutsKeys,
    LongKeysAreTaken,
    KeysOf64Characters,
    IgnoresCase,
    TakesFirstLine,
    QuotesArePartOfTheKey,
    RefusesEscapes,
    EndIsOptional,
    TakesAllBytes,
    ParametersArePartOfTheKey,
    KeyMattersToGet,
    // What is answered.
    NoMarker,
    MarksAll,
    NoDocumentation,
    LinkLeadsElsewhere,
    PlainRefusals,
    OneTypeForAll,
    WrongStatusMember,
    TitlesChange,
    NoDetail,
    CacheableRefusals,
    CacheableReplays,
    CollapsesFields,
    TwoDates,
    SetsCookiesAgain,
    // How HTTP is read, by a relay before it.
    NamesAreCaseSensitive,
    SpacesMatter,
}

/// A server with this mistake: `POST /orders` under a required key, and `GET /orders` for all that was ordered.
pub async fn server(flaw: Flaw) -> Server {
    let shop = Arc::new(Shop::new(flaw));
    Server::start(Router::new().route("/orders", get(shop::list).post(shop::order)).with_state(shop)).await
}
