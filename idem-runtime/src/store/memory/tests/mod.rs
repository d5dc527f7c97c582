//! What the suite for all stores cannot say about this one: exact moments, the bound, and a model.

use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::digest::Fingerprint;

mod bound;
mod model;
mod moments;

const MICROSECOND: Duration = Duration::from_micros(1);
const LEASE: Duration = Duration::from_millis(30);
const TTL: Duration = Duration::from_millis(100);

fn claim_of(number: u64) -> Claim {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&number.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes());
    key[8] = number as u8;
    key[16..24].copy_from_slice(&number.to_le_bytes());
    Claim {
        key: RecordKey::from_bytes(key),
        owner: OwnerToken::random(),
        fingerprint: Fingerprint::from_bytes([7; 32]),
        lease: LEASE,
        ttl: TTL,
        outlives_a_crash: false,
    }
}

fn rival(claim: &Claim) -> Claim {
    Claim { owner: OwnerToken::random(), ..*claim }
}

fn outcome(head: usize, body: usize) -> Outcome {
    Outcome { head: Bytes::from(vec![b'h'; head]), body: Bytes::from(vec![b'b'; body]) }
}

async fn pass(time: Duration) {
    // `advance` rounds up to whole milliseconds where it has timers to fire; there are none here.
    tokio::time::advance(time).await;
}
