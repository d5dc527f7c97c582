//! The measured application under the guard of another crate: `peer-server axum-idempotent|idempotent CORE`.

#![forbid(unsafe_code)]

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use axum_idempotent::{IdempotentLayer, IdempotentOptions};
use idem_bench_application::{Shop, on_core, pay, pay_and_wait, serve};
use idempotent::memory::MemoryStore;
use idempotent::middleware::IdempotencyLayer;
use ruts::store::Ttl;
use ruts::store::moka::MokaStore;
use ruts::{CookieOptions, Session, SessionLayer};
use tower_cookies::CookieManagerLayer;

const HOUR: i64 = 3_600;

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (name, core) = (arguments.next(), arguments.next().and_then(|core| core.parse().ok()));
    let (Some(name), Some(core)) = (name, core) else {
        return Err(io::Error::other("usage: idem-bench-peers axum-idempotent|idempotent CORE"));
    };
    on_core(core, async {
        let shop = Shop::default();
        let guarded = match name.as_str() {
            "axum-idempotent" => axum_idempotent(&shop),
            "idempotent" => idempotent(&shop)?,
            _ => return Err(io::Error::other(format!("no such peer: {name}"))),
        };
        serve(shop, guarded).await
    })
}

fn handlers(shop: &Shop) -> Router {
    Router::new().route("/pay", post(pay)).route("/held", post(pay_and_wait)).with_state(shop.clone())
}

/// It keeps answers in sessions, for requests that have one: `/session` begins one. The key comes from the header, as
/// everywhere here; the body is not looked at.
fn axum_idempotent(shop: &Shop) -> Router {
    // None is dropped to make room for others.
    let store = Arc::new(MokaStore::builder().max_capacity(u64::MAX).build());
    let options = IdempotentOptions::new(HOUR).use_idempotency_key_header(None, false);
    let begin = async |session: Session<MokaStore>| {
        let begun = session.set("begun", &true, Ttl::new(HOUR).expect("a time"), None).await;
        begun.map_err(|error| error.to_string())
    };
    let cookie = CookieOptions::build().name("session").path("/");
    handlers(shop)
        .layer(IdempotentLayer::<MokaStore>::new(options))
        .route("/session", get(begin))
        .layer(SessionLayer::new(store).with_cookie_options(cookie))
        .layer(CookieManagerLayer::new())
}

fn idempotent(shop: &Shop) -> io::Result<Router> {
    let store = MemoryStore::builder().try_build().map_err(io::Error::other)?;
    Ok(handlers(shop).layer(IdempotencyLayer::new(store)))
}
