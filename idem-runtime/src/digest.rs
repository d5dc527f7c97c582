//! What identifies a request, as fixed-size digests.
//!
//! Neither the text of a key, nor a tenant, nor a body ever reaches a store: a store sees a [`RecordKey`] and a
//! [`Fingerprint`]. Both come from BLAKE3 in its keyed mode, so that an application secret makes them unguessable
//! even where the input has little entropy (a card number, an amount). BLAKE3 and not SHA-256, because its keyed mode
//! needs no second pass and because it is more than twice as fast from 4 KiB on; not a non-cryptographic hash, because
//! a made collision would replay an answer to another request.

use std::fmt;

/// Names a record in a store: a digest of operation, scope and key, 32 bytes.
///
/// It is printed (`Display`, `Debug`) as 64 lower-case hexadecimal digits; nothing of the key can be read from it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordKey([u8; 32]);

impl RecordKey {
    /// The key whose digest is `bytes`. Applications never need this; a store's tests do.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The digest.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// What has to be the same for a retry to count as the same request, 32 bytes.
///
/// It is bound to its [`RecordKey`], so a record that is copied to another key never matches. Comparison takes
/// constant time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(blake3::Hash);

impl Fingerprint {
    /// The fingerprint whose digest is `bytes`.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(blake3::Hash::from_bytes(bytes))
    }

    /// The digest.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

fn write_hex(bytes: &[u8; 32], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(&blake3::Hash::from_bytes(*bytes).to_hex())
}

impl fmt::Display for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl fmt::Debug for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordKey({self})")
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(self.as_bytes(), f)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// Makes digests, keyed with the application's secret.
#[derive(Clone)]
pub(crate) struct Digester {
    record: [u8; 32],
    body: [u8; 32],
    fingerprint: [u8; 32],
    derived: [u8; 32],
}

impl Digester {
    /// A digester keyed with `secret` (empty: no secret, digests are the same in every application).
    pub(crate) fn new(secret: &[u8]) -> Self {
        Self {
            record: blake3::derive_key("idem 2026-11 record key v1", secret),
            body: blake3::derive_key("idem 2026-11 content v1", secret),
            fingerprint: blake3::derive_key("idem 2026-11 fingerprint v1", secret),
            derived: blake3::derive_key("idem 2026-11 derived key v1", secret),
        }
    }

    /// The digest of (operation, scope, key).
    pub(crate) fn record_key(&self, operation: &[&str], scope: Option<&str>, key: &str) -> RecordKey {
        let mut input = Framed::default();
        input.list(operation);
        input.option(scope);
        input.part(key.as_bytes());
        RecordKey(input.digest(&self.record))
    }

    /// The fingerprint of a request: who it is for, where it goes, and what it carries.
    pub(crate) fn fingerprint(&self, key: RecordKey, target: &[&str], content: &[u8]) -> Fingerprint {
        let mut input = Framed::default();
        input.part(key.as_bytes());
        input.list(target);
        // Hashed by itself first: a one-shot hash of a contiguous slice is more than twice as fast as streaming it
        // behind a prefix, and nothing is copied.
        input.part(blake3::keyed_hash(&self.body, content).as_bytes());
        Fingerprint::from_bytes(input.digest(&self.fingerprint))
    }

    /// A key for a call that the handler makes itself, stable over all attempts: 32 hexadecimal digits.
    pub(crate) fn derived_key(&self, key: RecordKey, purpose: &str) -> String {
        let mut input = Framed::default();
        input.part(key.as_bytes());
        input.part(purpose.as_bytes());
        let digest = blake3::Hash::from_bytes(input.digest(&self.derived));
        digest.to_hex()[..32].to_owned()
    }
}

impl fmt::Debug for Digester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digester(..)")
    }
}

/// Parts with their lengths in front, so that no two different lists of parts give the same bytes.
#[derive(Default)]
struct Framed(Vec<u8>);

impl Framed {
    fn part(&mut self, part: &[u8]) {
        self.0.reserve(8 + part.len());
        self.0.extend_from_slice(&(part.len() as u64).to_le_bytes());
        self.0.extend_from_slice(part);
    }

    fn list(&mut self, parts: &[&str]) {
        self.0.extend_from_slice(&(parts.len() as u64).to_le_bytes());
        for part in parts {
            self.part(part.as_bytes());
        }
    }

    fn option(&mut self, part: Option<&str>) {
        self.list(part.as_slice());
    }

    fn digest(&self, key: &[u8; 32]) -> [u8; 32] {
        *blake3::keyed_hash(key, &self.0).as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    // I30: these vectors must never change; a record written by an older release has to be found by a newer one.
    #[test]
    fn i30_digests_are_stable_over_releases() {
        let plain = Digester::new(b"");
        let key = plain.record_key(&["POST", "/pay"], Some("tenant-1"), "k-1");
        let fingerprint = plain.fingerprint(key, &["POST", "/pay", "a=1"], b"{\"orderId\":1}");
        let keyed = Digester::new(b"secret");
        assert_eq!(
            [
                key.to_string(),
                fingerprint.to_string(),
                plain.derived_key(key, "charge"),
                keyed.record_key(&["POST", "/pay"], Some("tenant-1"), "k-1").to_string(),
            ],
            GOLDEN
        );
    }

    const GOLDEN: [&str; 4] = [
        "99143f5a04ee39ae5df596bf5c9a89b9d0d8b8b95fecaeda8cb0bcc14e5226b7",
        "5acdaf0e592247e8291230fa144b435d6f6864c63822c692d74ca5fd817e71a7",
        "d01fda3425d0fb35b3d9207b5d929ae7",
        "3b17e4c5f47326d1a3acea8d90c7b142c290c0de19824b48d79d76e2b6c5dd5c",
    ];

    #[test]
    fn b13_a_scope_and_a_key_never_run_into_each_other() {
        let digester = Digester::new(b"");
        assert_ne!(digester.record_key(&["op"], Some("c"), "a:b"), digester.record_key(&["op"], Some("c:a"), "b"));
        assert_ne!(digester.record_key(&["op"], None, "k"), digester.record_key(&["op"], Some(""), "k"));
    }

    type Target = (String, String, Option<String>, Vec<u8>);

    fn target() -> impl Strategy<Value = Target> {
        (
            "(GET|POST|PUT)",
            "/[a-c/]{0,4}",
            proptest::option::of("[a-c=&]{0,4}"),
            proptest::collection::vec(any::<u8>(), 0..4),
        )
    }

    proptest! {
        #[test]
        fn i26_different_requests_have_different_fingerprints(a in target(), b in target()) {
            let digester = Digester::new(b"");
            let key = RecordKey::from_bytes([1; 32]);
            let fingerprint = |(method, path, query, body): &Target| {
                let target: Vec<&str> =
                    [method.as_str(), path.as_str()].into_iter().chain(query.as_deref()).collect();
                digester.fingerprint(key, &target, body)
            };
            prop_assert_eq!(a == b, fingerprint(&a) == fingerprint(&b));
            let copied = digester.fingerprint(RecordKey::from_bytes([2; 32]), &[&a.0, &a.1], &a.3);
            prop_assert_ne!(fingerprint(&a), copied, "B34: it is bound to its key");
        }

        #[test]
        fn b13_different_parts_give_different_keys(
            a in (".{0,8}", proptest::option::of(".{0,8}"), ".{0,8}"),
            b in (".{0,8}", proptest::option::of(".{0,8}"), ".{0,8}"),
        ) {
            let digester = Digester::new(b"");
            let digest = |(o, s, k): &(String, Option<String>, String)| digester.record_key(&[o], s.as_deref(), k);
            prop_assert_eq!(a == b, digest(&a) == digest(&b));
        }
    }
}
