// mistakes: 1
use idem_runtime::{JobRefusal, SqliteTransaction, SqliteTransactions, idempotent_fn};

#[idempotent_fn(ttl = "1h", key = id, store = transactions)]
async fn job(transactions: SqliteTransactions, tx: SqliteTransaction, id: u64) -> Result<u64, JobRefusal> {
    drop((transactions, tx));
    Ok(id)
}

fn main() {}
