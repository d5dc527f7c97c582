//! What identifies a request, as fixed-size digests.
//!
//! Neither the text of a key, nor a tenant, nor a body ever reaches a store: a store sees a [`RecordKey`] and a
//! [`Fingerprint`]. Both come from BLAKE3 in its keyed mode, so that an application secret makes them unguessable
//! even where the input has little entropy (a card number, an amount). BLAKE3 and not SHA-256, because its keyed mode
//! needs no second pass and because it is more than twice as fast from 4 KiB on; not a non-cryptographic hash, because
//! a made collision would replay an answer to another request.

use std::fmt;

use smallvec::SmallVec;

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

/// What an operation is called.
#[derive(Clone, Copy, Debug)]
pub(crate) enum OperationName<'a> {
    /// A handler without a name of its own.
    Route {
        method: &'a str,
        path: &'a str,
    },
    /// A handler with one.
    Named(&'a str),
    /// The same of a layer, whose records are its own: one that does not know yet that an annotated handler is behind it must
    /// never find that handler's, and answer with it before the handler's extractors were asked.
    LayerRoute {
        method: &'a str,
        path: &'a str,
    },
    LayerNamed(&'a str),
    Job(&'a str),
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

    /// Where the record of a key is kept. Whoever looks a key up finds it only if they say the same of its operation as the one
    /// that recorded it.
    pub(crate) fn key_of(&self, operation: OperationName<'_>, scope: Option<&str>, key: &str) -> RecordKey {
        match operation {
            OperationName::Route { method, path } => self.record_key(&[method, path], scope, key),
            OperationName::Named(name) => self.record_key(&[name], scope, key),
            OperationName::LayerRoute { method, path } => self.record_key(&["layer", method, path], scope, key),
            // No request has an empty method.
            OperationName::LayerNamed(name) => self.record_key(&["layer", "", name], scope, key),
            // A handler's operation has one or two parts, so the two never meet.
            OperationName::Job(name) => self.record_key(&["", "job", name], scope, key),
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
        if content.len() <= COPIED {
            input.part(b"");
            input.part(content);
        } else {
            // Hashed by itself first: a one-shot hash of a contiguous slice is more than twice as fast as streaming it
            // behind a prefix, and nothing is copied. A short one is copied, because two hashes cost more than that.
            input.part(blake3::keyed_hash(&self.body, content).as_bytes());
        }
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

/// Contents up to this many bytes are copied behind the rest of what a fingerprint is made of.
const COPIED: usize = 256;

/// Parts with their lengths in front, so that no two different lists of parts give the same bytes.
///
/// On the stack, as what identifies a request is short. A length takes as few bytes as it needs (LEB128), so that most
/// digests are of one block or two: the cost of BLAKE3 is per block of 64 bytes.
#[derive(Default)]
struct Framed(SmallVec<[u8; 512]>);

impl Framed {
    fn length(&mut self, length: usize) {
        let mut rest = length as u64;
        while rest >= 0x80 {
            self.0.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.0.push(rest as u8);
    }

    fn part(&mut self, part: &[u8]) {
        self.length(part.len());
        self.0.extend_from_slice(part);
    }

    fn list(&mut self, parts: &[&str]) {
        self.length(parts.len());
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
                plain.fingerprint(key, &["POST", "/pay"], &[7; COPIED + 1]).to_string(),
            ],
            GOLDEN
        );
    }

    const GOLDEN: [&str; 5] = [
        "19372dd8838b7cddab3cbac394f27890602e670e534df559124d1be4dd1e0903",
        "1a2dc10c2283453c908367501b2236f6292f837c9965c80599e9fa44c9d30a1d",
        "39df0211fbddf15ef9757a1638905e60",
        "fa18417223f8ffff291b987628507093d0f973c231677d81e8b417facb8d9f1a",
        "e5c4713f6e790e1ca5e4138b4916bd5afdf1140c12c3d000dbf5c34d3803fc4a",
    ];

    #[test]
    fn i26_a_content_that_is_hashed_first_is_not_taken_for_its_hash() {
        let digester = Digester::new(b"");
        let key = RecordKey::from_bytes([1; 32]);
        let long = [7; COPIED + 1];
        let hash = blake3::keyed_hash(&digester.body, &long);
        assert_ne!(digester.fingerprint(key, &[], &long), digester.fingerprint(key, &[], hash.as_bytes()));
        assert_ne!(digester.fingerprint(key, &[], &long), digester.fingerprint(key, &[], &long[1..]));
    }

    #[test]
    fn b13_lengths_of_one_byte_and_of_more_are_told_apart() {
        let digester = Digester::new(b"");
        let mut seen = std::collections::HashSet::new();
        for length in [0, 1, 0x7f, 0x80, 0x81, 0x3fff, 0x4000, 0x4001] {
            let part = "a".repeat(length);
            assert!(seen.insert(digester.record_key(&[&part], None, "k")), "{length}");
            assert!(seen.insert(digester.record_key(&["op"], Some(&part), "k")), "{length}");
        }
    }

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
