//! A page to watch it all in a browser, and the faults that it can ask for.
//!
//! Nothing here belongs to a payment service. The routes of `app.rs` know nothing of it: the page is a client like any
//! other, and what goes wrong goes wrong outside of them, on the line before them and at the provider behind them.

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;

pub(crate) use line::Line;
pub(crate) use live::Live;
pub(crate) use provider::{Slow, Unwell, meet};

mod line;
mod live;
mod page;
mod provider;

/// The page, its files, and what it shows.
pub(crate) fn router(live: Live) -> Router {
    Router::new()
        .route("/", get(page::html))
        .route("/demo/page.css", get(page::style))
        .route("/demo/page.js", get(page::script))
        .route("/demo/client.js", get(page::client))
        .route("/demo/icon.svg", get(page::icon))
        .route("/demo/live", get(live::stream))
        .with_state(live)
}

/// The same routes, of which a request may ask for a fault, with a header:
///
/// - `Demo-Provider: slow` or `failing` is for the provider, should this request get as far;
/// - `Demo-Lose-Answer: ID` has the work done, and cuts the connection before the answer. `ID` names the attempt.
///
/// Another site's script cannot send them: a browser asks beforehand about such headers, and nobody says yes.
pub(crate) fn with_faults(app: Router, slow: Slow) -> Router {
    app.layer(from_fn_with_state(slow, provider::ask_for_a_mood))
        .layer(from_fn_with_state(line::Lost::default(), line::lose_answer))
}
