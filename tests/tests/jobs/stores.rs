//! A queue's consumer that sees each message more than once, on every store.

use std::sync::Arc;

use idem_runtime::{Done, idempotent_fn};
use idem_tests::gate::Gate;
use idem_tests::soon;
use serde::{Deserialize, Serialize};

use super::*;

#[derive(Clone, Serialize)]
struct Message {
    id: Option<u64>,
    tenant: &'static str,
    lamps: u32,
}

const MESSAGE: Message = Message { id: Some(1), tenant: "acme", lamps: 2 };

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Parcel {
    number: u64,
    lamps: u32,
}

#[idempotent_fn(ttl = "1h", operation = "ship", key = message.id, scope = message.tenant, store = store,
    fingerprint = &message)]
async fn ship(store: Idempotency, gate: Gate, message: Message) -> Result<Done<Parcel>, JobRefusal> {
    Ok(Done::executed(Parcel { number: gate.pass().await as u64, lamps: message.lamps }))
}

/// The same, whose duplicates wait.
#[idempotent_fn(ttl = "1h", operation = "ship", key = message.id, scope = message.tenant, store = store,
    fingerprint = &message, in_flight = "wait:1m")]
async fn ship_or_wait(store: Idempotency, gate: Gate, message: Message) -> Result<Done<Parcel>, JobRefusal> {
    Ok(Done::executed(Parcel { number: gate.pass().await as u64, lamps: message.lamps }))
}

/// A later release, whose parcels have a weight.
#[derive(Debug, Serialize, Deserialize)]
struct WeighedParcel {
    number: u64,
    grams: u32,
}

#[idempotent_fn(ttl = "1h", operation = "ship", key = message.id, scope = message.tenant, store = store,
    fingerprint = &message)]
async fn ship_weighed(store: Idempotency, gate: Gate, message: Message) -> Result<WeighedParcel, JobRefusal> {
    Ok(WeighedParcel { number: gate.pass().await as u64, grams: 1000 })
}

async fn acts_once(ground: Ground) {
    let gate = Gate::open();
    let first = ship(ground.idempotency.clone(), gate.clone(), MESSAGE).await.unwrap();
    // A later delivery, to another process.
    let second = ship(ground.other.clone(), gate.clone(), MESSAGE).await.unwrap();
    assert_eq!((first.is_replayed(), second.is_replayed()), (false, true));
    assert_eq!(first.into_inner(), second.into_inner());

    let changed = Message { lamps: 3, ..MESSAGE };
    assert_eq!(code(ship(ground.other.clone(), gate.clone(), changed).await), "key_reused");
    let nameless = Message { id: None, ..MESSAGE };
    assert_eq!(code(ship(ground.other.clone(), gate.clone(), nameless).await), "missing_key");
    let unreadable = ship_weighed(ground.other.clone(), gate.clone(), MESSAGE).await.unwrap_err();
    assert!(unreadable.was_done() && unreadable.code() == "unreadable_record");
    assert_eq!(gate.executions(), 1);
    assert!(ship(ground.idempotency, gate.clone(), MESSAGE).await.unwrap().is_replayed(), "the record has stayed");
    let elsewhere = Message { tenant: "other", ..MESSAGE };
    assert!(!ship(ground.other, gate.clone(), elsewhere).await.unwrap().is_replayed());
    drop(ground.database);
}

async fn duplicates_wait_or_are_refused(ground: Ground) {
    let gate = Gate::closed();
    let first = tokio::spawn(ship(ground.idempotency.clone(), gate.clone(), MESSAGE));
    gate.started().await;
    let refused = ship(ground.other.clone(), gate.clone(), MESSAGE).await.unwrap_err();
    assert!(refused.is_transient() && refused.code() == "in_progress");
    let waits = |store: &Idempotency| tokio::spawn(ship_or_wait(store.clone(), gate.clone(), MESSAGE));
    let waiters: Vec<_> = (0..8).flat_map(|_| [waits(&ground.idempotency), waits(&ground.other)]).collect();
    gate.let_pass(100);
    let parcel = first.await.unwrap().unwrap();
    assert!(!parcel.is_replayed());
    for waiter in waiters {
        let same = soon("the waiters get the value", waiter).await.unwrap().unwrap();
        assert!(same.is_replayed());
        assert_eq!(*same, *parcel);
    }
    assert_eq!(gate.executions(), 1);
    drop(ground.database);
}

async fn i01_racing_deliveries_act_once(ground: Ground) {
    let gate = Gate::open();
    let start = Arc::new(tokio::sync::Barrier::new(32));
    let calls: Vec<_> = (0..32)
        .map(|at| {
            let store = if at % 2 == 0 { ground.idempotency.clone() } else { ground.other.clone() };
            let (start, gate) = (Arc::clone(&start), gate.clone());
            tokio::spawn(async move {
                start.wait().await;
                ship_or_wait(store, gate, MESSAGE).await.unwrap()
            })
        })
        .collect();
    let mut executed = 0;
    for call in calls {
        executed += u64::from(!soon("every delivery has the parcel", call).await.unwrap().is_replayed());
    }
    assert_eq!((executed, gate.executions()), (1, 1));
    drop(ground.database);
}

on_each! { (sqlite redis postgres) acts_once duplicates_wait_or_are_refused i01_racing_deliveries_act_once }
