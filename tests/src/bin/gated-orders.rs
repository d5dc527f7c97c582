//! The example `orders`, stopped by a test where its store commits.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use idem_runtime::{Idempotency, SqliteStore};
use idem_tests::gated::Gated;
use orders::Shop;
use tokio::net::TcpListener;

#[derive(Debug, Parser)]
struct Options {
    #[arg(long)]
    file: PathBuf,
    /// Where the test listens.
    #[arg(long)]
    gate: SocketAddr,
    /// The step of the store's at which to stop.
    #[arg(long)]
    stop_at: String,
}

#[tokio::main]
#[allow(clippy::print_stdout, reason = "the address is this program's output")]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let Options { file, gate, stop_at } = Options::parse();
    // The test decides how long a call takes.
    let patience = Duration::from_secs(60);
    let store = SqliteStore::builder(file).hold(patience).response_timeout(patience).open()?;
    let gated = Gated::with_transactions(store.clone(), gate, stop_at);
    let idempotency = Idempotency::builder(gated).store_timeout(patience).build();
    let shop = Shop::open(idempotency, store, patience).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    shop.serve(listener, patience, std::future::pending()).await?;
    Ok(())
}
