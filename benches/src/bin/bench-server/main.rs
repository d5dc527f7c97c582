//! The measured application, bare or under the guard of one store, on one processor core: `bench-server SUBJECT CORE [URL]`.

mod by_hand;
mod guarded;
mod limits;

use std::io;

use axum::Router;
use axum::routing::post;
use idem_bench_application::{Shop, on_core, pay, serve};
use idem_runtime::Idempotency;
use idem_runtime::store::MemoryStore;

/// No record of a run has to go before its end.
const NO_BOUND: usize = usize::MAX;

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (subject, core) = (arguments.next(), arguments.next().and_then(|core| core.parse().ok()));
    let (Some(subject), Some(core)) = (subject, core) else {
        return Err(io::Error::other("usage: bench-server SUBJECT CORE [URL]"));
    };
    let url = arguments.next();
    on_core(core, async {
        let shop = Shop::default();
        let router = router(&subject, url.as_deref(), &shop).await?;
        serve(shop, router).await
    })
}

async fn router(subject: &str, url: Option<&str>, shop: &Shop) -> io::Result<Router> {
    let url = || url.ok_or_else(|| io::Error::other("this one needs a URL"));
    Ok(match subject {
        "bare" => Router::new().route("/pay", post(pay)).with_state(shop.clone()),
        "memory" => guarded::router(shop, Idempotency::new(MemoryStore::with_capacity_bytes(NO_BOUND))),
        "by-hand" => by_hand::router(shop),
        "redis" => guarded::redis(shop, url()?).await?,
        "redis-raw" => limits::redis(shop, url()?).await?,
        "sqlite" => guarded::sqlite(shop, url()?).await?,
        "sqlite-bare" => limits::sqlite(shop, url()?).await?,
        "postgres" => guarded::postgres(shop, url()?).await?,
        "postgres-bare" => limits::postgres(shop, url()?).await?,
        _ => return Err(io::Error::other(format!("no such subject: {subject}"))),
    })
}
