//! Any sequence of operations, against the simplest thing that could be right.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::store::{Holder, Record};

/// Keys and owners by number.
const KEYS: usize = 3;
const OWNERS: usize = 3;

#[derive(Clone, Debug)]
enum Step {
    Claim { key: usize, owner: usize },
    TakeOver { key: usize, owner: usize, from: usize },
    Renew { key: usize, owner: usize },
    Complete { key: usize, owner: usize, body: usize },
    Release { key: usize, owner: usize },
    LookUp { key: usize },
    Pass { micros: u64 },
    Sweep,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = 0..KEYS;
    let owner = 0..OWNERS;
    let step = prop_oneof![
        4 => (key.clone(), owner.clone()).prop_map(|(key, owner)| Step::Claim { key, owner }),
        3 => (key.clone(), owner.clone(), owner.clone())
            .prop_map(|(key, owner, from)| Step::TakeOver { key, owner, from }),
        2 => (key.clone(), owner.clone()).prop_map(|(key, owner)| Step::Renew { key, owner }),
        3 => (key.clone(), owner.clone(), 0..50usize)
            .prop_map(|(key, owner, body)| Step::Complete { key, owner, body }),
        1 => (key.clone(), owner).prop_map(|(key, owner)| Step::Release { key, owner }),
        1 => key.prop_map(|key| Step::LookUp { key }),
        3 => prop_oneof![Just(LEASE), Just(TTL), Just(LEASE - MICROSECOND), Just(MICROSECOND)]
            .prop_map(|time| Step::Pass { micros: time.as_micros() as u64 }),
        1 => Just(Step::Sweep),
    ];
    proptest::collection::vec(step, 1..60)
}

/// One map, one number for the time, no sharding, no sweeping.
#[derive(Default)]
struct Model {
    now: u64,
    entries: HashMap<RecordKey, Modelled>,
}

#[derive(Clone)]
struct Modelled {
    holder: Holder,
    lease_end: u64,
    ends: u64,
    done: Option<Outcome>,
}

impl Model {
    fn get(&mut self, key: RecordKey) -> Option<&mut Modelled> {
        let now = self.now;
        self.entries.get_mut(&key).filter(|entry| now < entry.ends)
    }

    fn hold(&mut self, claim: &Claim, attempt: u32) -> ClaimOutcome {
        let lease_end = self.now + LEASE.as_micros() as u64;
        let holder = Holder { owner: claim.owner, fingerprint: claim.fingerprint, attempt };
        let entry = Modelled { holder, lease_end, ends: lease_end + TTL.as_micros() as u64, done: None };
        self.entries.insert(claim.key, entry);
        ClaimOutcome::Claimed { attempt }
    }

    fn claim(&mut self, claim: &Claim) -> ClaimOutcome {
        match (self.look_up(claim.key), self.get(claim.key)) {
            (None, _) => self.hold(claim, 1),
            (_, Some(entry)) if entry.done.is_none() && entry.holder.owner == claim.owner => {
                ClaimOutcome::Claimed { attempt: entry.holder.attempt }
            }
            (Some(Entry::InFlight(holder)), _) => ClaimOutcome::InFlight(holder),
            (Some(Entry::Abandoned(holder)), _) => ClaimOutcome::Abandoned(holder),
            (Some(Entry::Completed(record)), _) => ClaimOutcome::Completed(record),
        }
    }

    fn take_over(&mut self, claim: &Claim, from: OwnerToken) -> ClaimOutcome {
        match self.look_up(claim.key) {
            Some(Entry::Abandoned(holder)) if holder.owner == from && from != claim.owner => {
                self.hold(claim, holder.attempt + 1)
            }
            _ => self.claim(claim),
        }
    }

    fn held(&mut self, claim: &Claim) -> Option<&mut Modelled> {
        self.get(claim.key).filter(|entry| entry.holder.owner == claim.owner && entry.done.is_none())
    }

    fn renew(&mut self, claim: &Claim) -> Hold {
        let lease_end = self.now + LEASE.as_micros() as u64;
        self.held(claim).map_or(Hold::Lost, |entry| {
            entry.lease_end = lease_end;
            entry.ends = lease_end + TTL.as_micros() as u64;
            Hold::Held
        })
    }

    fn complete(&mut self, claim: &Claim, outcome: &Outcome) -> Hold {
        let ends = self.now + TTL.as_micros() as u64;
        match self.get(claim.key) {
            Some(entry) if entry.holder.owner == claim.owner => {
                if entry.done.is_none() {
                    entry.done = Some(outcome.clone());
                    entry.ends = ends;
                }
                Hold::Held
            }
            _ => Hold::Lost,
        }
    }

    fn release(&mut self, claim: &Claim) -> Hold {
        if self.held(claim).is_none() {
            return Hold::Lost;
        }
        self.entries.remove(&claim.key);
        Hold::Held
    }

    fn look_up(&mut self, key: RecordKey) -> Option<Entry> {
        let now = self.now;
        self.get(key).map(|entry| match &entry.done {
            Some(outcome) => Entry::Completed(Record {
                fingerprint: entry.holder.fingerprint,
                attempt: entry.holder.attempt,
                outcome: outcome.clone(),
                expires_in: Duration::from_micros(entry.ends - now),
            }),
            None if now < entry.lease_end => Entry::InFlight(entry.holder),
            None => Entry::Abandoned(entry.holder),
        })
    }

    fn attempt(&mut self, key: RecordKey) -> u32 {
        self.get(key).map_or(1, |entry| entry.holder.attempt)
    }
}

async fn run(steps: Vec<Step>) {
    let store = MemoryStore::new();
    let mut model = Model::default();
    let owners: Vec<_> = (0..OWNERS).map(|_| OwnerToken::random()).collect();
    let claim = |key: usize, owner: usize| Claim { owner: owners[owner], ..claim_of(key as u64) };
    for step in steps {
        match step {
            Step::Claim { key, owner } => {
                let claim = claim(key, owner);
                assert_eq!(store.claim(&claim).await.unwrap(), model.claim(&claim), "{step:?}");
            }
            Step::TakeOver { key, owner, from } => {
                let claim = claim(key, owner);
                let answer = store.take_over(&claim, owners[from]).await.unwrap();
                assert_eq!(answer, model.take_over(&claim, owners[from]), "{step:?}");
            }
            Step::Renew { key, owner } => {
                let claim = claim(key, owner);
                assert_eq!(store.renew(&claim).await.unwrap(), model.renew(&claim), "{step:?}");
            }
            Step::Complete { key, owner, body } => {
                let claim = claim(key, owner);
                let attempt = model.attempt(claim.key);
                let held = store.complete(&claim, attempt, &outcome(2, body)).await.unwrap();
                assert_eq!(held, model.complete(&claim, &outcome(2, body)), "{step:?}");
            }
            Step::Release { key, owner } => {
                let claim = claim(key, owner);
                assert_eq!(store.release(&claim).await.unwrap(), model.release(&claim), "{step:?}");
            }
            Step::LookUp { key } => {
                let key = claim(key, 0).key;
                let (found, expected) = (store.look_up(key).await.unwrap(), model.look_up(key));
                assert_eq!(left(&found), left(&expected), "{step:?}");
                assert_eq!(found, expected, "{step:?}");
            }
            Step::Pass { micros } => {
                pass(Duration::from_micros(micros)).await;
                model.now += micros;
            }
            Step::Sweep => drop(store.sweep()),
        }
    }
}

fn left(entry: &Option<Entry>) -> Option<Duration> {
    match entry {
        Some(Entry::Completed(record)) => Some(record.expires_in),
        _ => None,
    }
}

proptest! {
    #[test]
    fn it_does_what_the_model_does(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(run(steps));
    }
}
