use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn claim() -> Claim {
    Claim {
        key: RecordKey::from_bytes([1; 32]),
        owner: OwnerToken::from_bits(0x5f0a),
        fingerprint: Fingerprint::from_bytes([0xab; 32]),
        lease: Duration::from_secs(30),
        ttl: Duration::from_secs(3_600),
        outlives_a_crash: false,
    }
}

fn outcome(head: &[u8], body: &[u8]) -> Outcome {
    Outcome { head: Bytes::copy_from_slice(head), body: Bytes::copy_from_slice(body) }
}

fn encoded(key: RecordKey, value: &Value) -> Vec<u8> {
    let mut arguments = Vec::new();
    Written(key, value).write_redis_args(&mut arguments);
    arguments.concat()
}

fn is_corrupt(key: RecordKey, value: &[u8]) -> bool {
    matches!(Value::decode(key, Bytes::copy_from_slice(value)), Err(StoreError::Corrupt(_)))
}

// I25: records of this release have to be read by every later one.
#[test]
fn i25_the_layout_is_stable_over_releases() {
    let key = claim().key;
    let pending = Value::pending(&claim(), 1);
    let fingerprint = "ab".repeat(32);
    assert_eq!(
        String::from_utf8(encoded(key, &pending)).unwrap(),
        format!(
            "idem1 P 00000000000000000000000000005f0a {fingerprint} 0000000001 0000000030000 0000003600000 \
             0000000000 0000000000 {PENDING_CHECK}\n"
        )
    );
    let completed = Value::completed(&claim(), 2, &outcome(b"{\"status\":201}\n", b"paid")).unwrap();
    assert_eq!(
        String::from_utf8(encoded(key, &completed)).unwrap(),
        format!(
            "idem1 C 00000000000000000000000000005f0a {fingerprint} 0000000002 0000000030000 0000003600000 \
             0000000015 0000000004 {COMPLETED_CHECK}\n{{\"status\":201}}\npaid"
        )
    );
}

const PENDING_CHECK: &str = "650df8cfc0e91e4d";
const COMPLETED_CHECK: &str = "7373ba7e43bc0114";

#[test]
fn every_field_is_where_the_scripts_look_for_it() {
    let fixed = Value::pending(&claim(), 7).fixed(claim().key);
    assert_eq!(fixed.len(), FIXED);
    assert!(fixed.starts_with(&prefix(Marker::Pending, claim().owner)));
    assert_eq!(prefix(Marker::Completed, claim().owner).len(), OWNER.end);
    // `renew.lua` takes characters 132 to 144, counted from one, and reads 184 of them.
    assert_eq!((TTL, FIXED), (131..144, 184));
    assert_eq!(&fixed[TTL], b"0000003600000");
}

#[test]
fn b33_absurd_lengths_are_refused() {
    let key = claim().key;
    let value = encoded(key, &Value::completed(&claim(), 1, &outcome(b"h", b"b")).unwrap());
    for field in [HEAD_LENGTH, BODY_LENGTH] {
        let mut absurd = value.clone();
        absurd[field].copy_from_slice(b"9999999999");
        assert!(is_corrupt(key, &absurd));
    }
}

#[test]
fn b34_a_value_under_another_key_is_refused() {
    let mut other = *claim().key.as_bytes();
    other[31] ^= 1;
    for value in [Value::pending(&claim(), 1), Value::completed(&claim(), 1, &outcome(b"h", b"b")).unwrap()] {
        assert!(is_corrupt(RecordKey::from_bytes(other), &encoded(claim().key, &value)));
    }
}

#[test]
fn i25_what_another_release_wrote_is_refused() {
    let key = claim().key;
    let value = encoded(key, &Value::pending(&claim(), 1));
    let newer = [b"idem2".as_slice(), &value[5..]].concat();
    let message = Value::decode(key, newer.into()).unwrap_err().to_string();
    assert!(message.contains("another release"), "{message}");
    let mut unknown_state = value;
    unknown_state[MARKER.start] = b'X';
    assert!(recognise(&unknown_state).is_err());
    assert!(is_corrupt(key, &unknown_state));
}

#[test]
fn what_redis_cannot_hold_is_refused() {
    // Not touched, so it takes no memory.
    let huge = Outcome { head: Bytes::new(), body: Bytes::from(vec![0; MAX_PAYLOAD + 1]) };
    assert!(matches!(Value::completed(&claim(), 1, &huge), Err(StoreError::Full)));
}

fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..most)
}

fn values() -> impl Strategy<Value = (RecordKey, Value)> {
    let ids = (any::<[u8; 32]>(), any::<u128>(), any::<[u8; 32]>(), any::<u32>());
    let spans = (1..=span::MAX_MILLIS, 1..=span::MAX_MILLIS);
    (ids, spans, any::<bool>(), bytes(64), bytes(300)).prop_map(
        |((key, owner, fingerprint, attempt), (lease, ttl), done, head, body)| {
            let claim = Claim {
                key: RecordKey::from_bytes(key),
                owner: OwnerToken::from_bits(owner),
                fingerprint: Fingerprint::from_bytes(fingerprint),
                lease: Duration::from_millis(lease),
                ttl: Duration::from_millis(ttl),
                outlives_a_crash: false,
            };
            let value = match done {
                true => Value::completed(&claim, attempt, &outcome(&head, &body)).unwrap(),
                false => Value::pending(&claim, attempt),
            };
            (claim.key, value)
        },
    )
}

proptest! {
    #[test]
    fn what_was_written_is_read_back((key, value) in values()) {
        let written = encoded(key, &value);
        prop_assert!(recognise(&written).is_ok());
        prop_assert_eq!(Value::decode(key, written.into()).unwrap(), value);
    }

    #[test]
    fn b32_nothing_else_is_read_and_nothing_panics(key in any::<[u8; 32]>(), garbage in bytes(400)) {
        let key = RecordKey::from_bytes(key);
        prop_assert!(is_corrupt(key, &garbage));
        let ours = [FORMAT.as_bytes(), b"C ", &garbage].concat();
        prop_assert!(is_corrupt(key, &ours));
        let _ = recognise(&ours);
    }

    #[test]
    fn b32_one_flipped_bit_is_found((key, value) in values(), at in any::<prop::sample::Index>(), bit in 0..8u8) {
        let mut written = encoded(key, &value);
        *at.get_mut(&mut written) ^= 1 << bit;
        prop_assert!(is_corrupt(key, &written));
    }

    #[test]
    fn b32_a_value_cut_off_or_prolonged_is_found((key, value) in values(), at in any::<prop::sample::Index>()) {
        let written = encoded(key, &value);
        prop_assert!(is_corrupt(key, &written[..at.index(written.len())]));
        prop_assert!(is_corrupt(key, &[&written[..], b"x"].concat()));
    }

    // Whoever forges the check, for instance a damaged writer, still gets no second way to write the same value.
    #[test]
    fn a_value_that_is_read_is_written_the_same((key, value) in values(), at in 0..CHECK.start, byte in any::<u8>()) {
        let mut written = encoded(key, &value);
        written[at] = byte;
        let forged = format!("{:016x}", check(key, &written[..CHECK.start], &value.outcome));
        written[CHECK].copy_from_slice(forged.as_bytes());
        if let Ok(read) = Value::decode(key, Bytes::copy_from_slice(&written)) {
            prop_assert_eq!(encoded(key, &read), written);
        }
    }
}
