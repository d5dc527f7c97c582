use proptest::prelude::*;

use super::super::EncryptionKey;
use super::*;

fn keyring() -> Keyring {
    let other = EncryptionKey::from_bytes([6; 32]);
    Keyring::new("2026-11", EncryptionKey::from_bytes([5; 32])).unwrap().also_reads("2026-05", other).unwrap()
}

fn binding() -> Binding {
    Binding { key: RecordKey::from_bytes([1; 32]), fingerprint: Fingerprint::from_bytes([2; 32]), attempt: 3 }
}

fn outcome(head: &[u8], body: &[u8]) -> Outcome {
    Outcome { head: Bytes::copy_from_slice(head), body: Bytes::copy_from_slice(body) }
}

fn is_refused(binding: &Binding, outcome: &Outcome) -> bool {
    matches!(open(&keyring(), binding, outcome), Err(StoreError::Corrupt(_)))
}

/// What `open` says of it.
fn refusal(keyring: &Keyring, outcome: &Outcome) -> String {
    open(keyring, &binding(), outcome).unwrap_err().to_string()
}

fn flipped(bytes: &Bytes, bit: usize) -> Bytes {
    let mut bytes = bytes.to_vec();
    bytes[bit / 8] ^= 1 << (bit % 8);
    bytes.into()
}

// I25: what is written today has to be read by later releases.
#[test]
fn i25_the_layout_is_stable_over_releases() {
    let sealed = seal_with(keyring().newest(), [7; NONCE], &binding(), &outcome(b"head", b"body")).unwrap();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!([hex(&sealed.head), hex(&sealed.body)], GOLDEN);
    assert_eq!(open(&keyring(), &binding(), &sealed).unwrap(), outcome(b"head", b"body"));
}

// Calculated by another implementation too.
const GOLDEN: [&str; 2] = [
    "656e633120323032362d31310a070707070707070707070707070707070707070707070707\
     55a80382cf49508b115fc4485bf1bec0fa36f4a1",
    "cf0b4724",
];

#[test]
fn an_operator_sees_which_key_it_needs() {
    let sealed = seal(&keyring(), &binding(), &outcome(b"v1 kept\n", b"paid")).unwrap();
    assert!(sealed.head.starts_with(b"enc1 2026-11\n"));
    assert_eq!(sealed.body.len(), 4);
}

#[test]
fn no_two_records_are_encrypted_alike() {
    let one = seal(&keyring(), &binding(), &outcome(b"head", b"body")).unwrap();
    let two = seal(&keyring(), &binding(), &outcome(b"head", b"body")).unwrap();
    assert_ne!(one.head, two.head);
    assert_ne!(one.body, two.body);
}

#[test]
fn i22_a_tombstone_still_fits_into_what_its_claim_reserved() {
    use crate::store::{LEAST_RESERVED_HEAD, RESERVED_HEAD};

    let longest = Keyring::new("k".repeat(LONGEST_ID), EncryptionKey::from_bytes([5; 32])).unwrap();
    let sealed = seal(&longest, &binding(), &outcome(&[b't'; LEAST_RESERVED_HEAD], b"")).unwrap();
    assert_eq!(sealed.head.len(), LEAST_RESERVED_HEAD + OVERHEAD);
    assert!(sealed.head.len() <= RESERVED_HEAD && sealed.body.is_empty());
}

#[test]
fn b34_it_is_readable_for_no_other_record() {
    let sealed = seal(&keyring(), &binding(), &outcome(b"head", b"body")).unwrap();
    let others = [
        Binding { key: RecordKey::from_bytes([9; 32]), ..binding() },
        Binding { fingerprint: Fingerprint::from_bytes([9; 32]), ..binding() },
        Binding { attempt: 4, ..binding() },
    ];
    assert!(others.iter().all(|other| is_refused(other, &sealed)));
    assert!(!is_refused(&binding(), &sealed));
}

#[test]
fn b35_a_record_that_somebody_else_wrote_is_refused() {
    let plain = outcome(b"v1 kept\nHTTP/1.1 200 OK\r\n\r\n", b"body");
    assert!(refusal(&keyring(), &plain).contains("it is not encrypted"), "{}", refusal(&keyring(), &plain));

    let theirs = Keyring::new("2026-11", EncryptionKey::from_bytes([9; 32])).unwrap();
    let sealed = seal(&theirs, &binding(), &plain).unwrap();
    assert!(refusal(&keyring(), &sealed).contains("another key of that name"));
}

#[test]
fn b36_an_unknown_key_is_named_and_an_older_one_still_read() {
    let older = Keyring::new("2026-05", EncryptionKey::from_bytes([6; 32])).unwrap();
    let sealed = seal(&older, &binding(), &outcome(b"head", b"body")).unwrap();
    assert_eq!(open(&keyring(), &binding(), &sealed).unwrap(), outcome(b"head", b"body"));

    let newest_alone = Keyring::new("2026-11", EncryptionKey::from_bytes([5; 32])).unwrap();
    let said = refusal(&newest_alone, &sealed);
    assert!(said.contains("`2026-05`") && said.contains("Keyring::also_reads"), "{said}");
    // The same secret under another id is another key: the id is part of what is authenticated.
    let renamed = Keyring::new("2026-06", EncryptionKey::from_bytes([6; 32])).unwrap();
    let head = [b"enc1 2026-06", &sealed.head[12..]].concat();
    assert!(refusal(&renamed, &Outcome { head: head.into(), ..sealed }).contains("altered"));
}

#[test]
fn i25_what_a_later_release_wrote_is_refused() {
    let sealed = seal(&keyring(), &binding(), &outcome(b"head", b"body")).unwrap();
    let later = Outcome { head: [b"enc2", &sealed.head[4..]].concat().into(), ..sealed };
    assert!(refusal(&keyring(), &later).contains("of another release"));
}

#[test]
fn b32_the_boundary_between_head_and_body_cannot_be_moved() {
    let sealed = seal(&keyring(), &binding(), &outcome(b"head", b"body")).unwrap();
    let end = sealed.head.len() - 1;
    let body = [&sealed.head[end..], &sealed.body[..]].concat();
    assert!(is_refused(&binding(), &Outcome { head: sealed.head.slice(..end), body: body.into() }));
    let head = [&sealed.head[..], &sealed.body[..1]].concat();
    assert!(is_refused(&binding(), &Outcome { head: head.into(), body: sealed.body.slice(1..) }));
}

#[test]
fn b32_every_flipped_bit_is_found() {
    let sealed = seal(&keyring(), &binding(), &outcome(b"v1 kept\n", b"paid")).unwrap();
    for bit in 0..sealed.head.len() * 8 {
        assert!(is_refused(&binding(), &Outcome { head: flipped(&sealed.head, bit), ..sealed.clone() }), "head {bit}");
    }
    for bit in 0..sealed.body.len() * 8 {
        assert!(is_refused(&binding(), &Outcome { body: flipped(&sealed.body, bit), ..sealed.clone() }), "body {bit}");
    }
}

proptest! {
    #[test]
    fn what_was_sealed_is_opened(
        head in proptest::collection::vec(any::<u8>(), 0..200),
        body in proptest::collection::vec(any::<u8>(), 0..2_000),
    ) {
        let outcome = outcome(&head, &body);
        let sealed = seal(&keyring(), &binding(), &outcome).unwrap();
        prop_assert_eq!(sealed.body.len(), body.len());
        prop_assert_eq!(open(&keyring(), &binding(), &sealed).unwrap(), outcome);
    }

    #[test]
    fn b32_what_was_cut_off_or_flipped_is_refused(
        head in proptest::collection::vec(any::<u8>(), 0..200),
        body in proptest::collection::vec(any::<u8>(), 1..200),
        cut in any::<prop::sample::Index>(),
        bit in any::<prop::sample::Index>(),
    ) {
        let sealed = seal(&keyring(), &binding(), &outcome(&head, &body)).unwrap();
        let Outcome { head, body } = sealed.clone();
        let damaged = [
            Outcome { head: head.slice(..cut.index(head.len())), ..sealed.clone() },
            Outcome { body: body.slice(..cut.index(body.len())), ..sealed.clone() },
            Outcome { head: flipped(&head, bit.index(head.len() * 8)), ..sealed.clone() },
            Outcome { body: flipped(&body, bit.index(body.len() * 8)), ..sealed },
        ];
        for damaged in damaged {
            prop_assert!(is_refused(&binding(), &damaged));
        }
    }

    #[test]
    fn b32_b33_nothing_else_is_read_and_nothing_panics(
        head in proptest::collection::vec(any::<u8>(), 0..200),
        body in proptest::collection::vec(any::<u8>(), 0..200),
        start in prop_oneof![Just(""), Just("enc"), Just("enc1"), Just("enc1 "), Just("enc1 2026-11\n"), Just("enc1 \n")],
    ) {
        let head = [start.as_bytes(), &head].concat();
        prop_assert!(is_refused(&binding(), &outcome(&head, &body)));
    }
}
