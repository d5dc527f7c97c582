use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::digest::Fingerprint;
use crate::store::MemoryStore;

fn keyring(id: &str, byte: u8) -> Keyring {
    Keyring::new(id, EncryptionKey::from_bytes([byte; 32])).unwrap()
}

fn claim() -> Claim {
    Claim {
        key: RecordKey::from_bytes(rand::random()),
        owner: OwnerToken::random(),
        fingerprint: Fingerprint::from_bytes(rand::random()),
        lease: Duration::from_secs(30),
        ttl: Duration::from_secs(3_600),
        outlives_a_crash: false,
    }
}

fn rival(claim: &Claim) -> Claim {
    Claim { owner: OwnerToken::random(), ..*claim }
}

fn outcome() -> Outcome {
    Outcome { head: Bytes::from_static(b"v1 kept\ncanary-head"), body: Bytes::from_static(b"canary-body") }
}

async fn recorded(store: &impl Store) -> Claim {
    let claim = claim();
    assert_eq!(store.claim(&claim).await.unwrap(), ClaimOutcome::Claimed { attempt: 1 });
    assert_eq!(store.complete(&claim, 1, &outcome()).await.unwrap(), Hold::Held);
    claim
}

/// What everybody is told who finds this record.
async fn answers(store: &impl Store, claim: &Claim) -> Vec<Result<Outcome, String>> {
    let of = |answer: Result<ClaimOutcome, StoreError>| match answer {
        Ok(ClaimOutcome::Completed(record)) => Ok(record.outcome),
        Ok(other) => panic!("{other:?}"),
        Err(StoreError::Corrupt(what)) => Err(what),
        Err(other) => panic!("{other:?}"),
    };
    let looked = match store.look_up(claim.key).await {
        Ok(Some(Entry::Completed(record))) => Ok(ClaimOutcome::Completed(record)),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error),
    };
    vec![of(store.claim(&rival(claim)).await), of(store.take_over(&rival(claim), claim.owner).await), of(looked)]
}

#[tokio::test]
async fn b35_nothing_of_an_answer_is_in_the_store_below() {
    let below = MemoryStore::new();
    let store = EncryptedStore::new(below.clone(), keyring("k", 1));
    let claim = recorded(&store).await;
    for kept in answers(&below, &claim).await {
        let kept = kept.unwrap();
        let all = [&kept.head[..], &kept.body[..]].concat();
        assert!(!all.windows(6).any(|window| window == b"canary"));
    }
    assert!(answers(&store, &claim).await.into_iter().all(|answer| answer == Ok(outcome())));
}

#[tokio::test]
async fn b35_b36_each_operation_refuses_what_it_cannot_authenticate() {
    let below = MemoryStore::new();
    let (ours, theirs) = (keyring("k", 1), keyring("k", 2));
    let plain = recorded(&below).await;
    let forged = recorded(&EncryptedStore::new(below.clone(), theirs)).await;
    let unknown = recorded(&EncryptedStore::new(below.clone(), keyring("other", 1))).await;
    let store = EncryptedStore::new(below, ours);
    for (claim, said) in
        [(plain, "it is not encrypted"), (forged, "another key of that name"), (unknown, "Keyring::also_reads")]
    {
        for answer in answers(&store, &claim).await {
            assert!(answer.as_ref().is_err_and(|what| what.contains(said)), "{answer:?}");
        }
    }
}

#[tokio::test]
async fn b36_the_three_steps_of_changing_a_key_interrupt_nothing() {
    let below = MemoryStore::new();
    let key = |byte| EncryptionKey::from_bytes([byte; 32]);
    let steps = [
        keyring("old", 1),
        keyring("old", 1).also_reads("new", key(2)).unwrap(),
        keyring("new", 2).also_reads("old", key(1)).unwrap(),
        keyring("new", 2),
    ];
    let process = |step: usize| EncryptedStore::new(below.clone(), steps[step].clone());
    // While a step is deployed, there are processes of the step before it too. The last one begins when nothing is left
    // of what was written under the old key.
    for (before, after) in [(0, 1), (1, 2), (2, 3)] {
        let records = match after {
            3 => vec![recorded(&process(before)).await, recorded(&process(after)).await],
            _ => vec![recorded(&process(0)).await, recorded(&process(before)).await, recorded(&process(after)).await],
        };
        for claim in &records {
            for step in [before, after] {
                assert!(answers(&process(step), claim).await.into_iter().all(|answer| answer == Ok(outcome())));
            }
        }
    }
}

#[tokio::test]
async fn claims_go_through_as_they_are() {
    let below = MemoryStore::new();
    let store = EncryptedStore::new(below.clone(), keyring("k", 1));
    let claim = claim();
    let _ = store.claim(&claim).await.unwrap();
    assert_eq!(store.look_up(claim.key).await.unwrap(), below.look_up(claim.key).await.unwrap());
    assert_eq!(store.name(), "memory");
}

#[test]
fn b40_no_key_is_shown() {
    let key: EncryptionKey = "5f".repeat(32).parse().unwrap();
    let store = EncryptedStore::new(MemoryStore::new(), Keyring::new("k", key.clone()).unwrap());
    for shown in [format!("{key:?}"), format!("{store:?}"), format!("{store:#?}")] {
        for secret in ["5f5f", "5F5F", "95, 95", "_____"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}

#[test]
fn keys_are_read_from_text() {
    let bytes: Vec<u8> = (0..32).map(|number| number * 7).collect();
    let expected: [u8; 32] = bytes.clone().try_into().unwrap();
    let hex = data_encoding::HEXLOWER.encode(&bytes);
    let base64 = data_encoding::BASE64.encode(&bytes);
    for text in [hex.clone(), hex.to_uppercase(), format!("{hex}\n"), base64.clone(), format!(" {base64}\r\n")] {
        assert_eq!(*text.parse::<EncryptionKey>().unwrap().bytes(), expected);
    }
    for text in ["", "short", &hex[..62], &format!("{hex}00"), &base64[..43], &hex.replace('0', "g"), &"€".repeat(22)]
    {
        let error = text.parse::<EncryptionKey>().unwrap_err();
        assert_eq!(error, KeyringError::NotAKey);
        assert!(text.len() < 6 || !error.to_string().contains(text), "{error}");
    }
}

#[test]
fn ids_that_cannot_be_written_or_told_apart_are_refused() {
    let key = || EncryptionKey::from_bytes([1; 32]);
    for id in ["", "a b", "a\n", "ä", &"a".repeat(33)] {
        assert_eq!(Keyring::new(id, key()).unwrap_err(), KeyringError::NotAnId(id.to_owned()));
        assert_eq!(keyring("k", 1).also_reads(id, key()).unwrap_err(), KeyringError::NotAnId(id.to_owned()));
    }
    assert!(Keyring::new("a".repeat(32), key()).is_ok());
    let two = keyring("k", 1).also_reads("l", key()).unwrap();
    for id in ["k", "l"] {
        assert_eq!(two.clone().also_reads(id, key()).unwrap_err(), KeyringError::RepeatedId(id.to_owned()));
    }
}
