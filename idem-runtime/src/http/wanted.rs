//! What of a request is kept for its claim, as a type: so that it is known where the handler's arguments are extracted, and
//! nothing else needs to be kept.

use std::fmt;
use std::marker::PhantomData;

use http::HeaderName;

/// Where the key of a request and its scope are.
#[derive(Clone, Debug)]
pub struct Places {
    pub(super) key: Place,
    pub(super) scope: Option<HeaderName>,
}

/// Where a key is.
#[derive(Clone, Debug)]
pub(super) enum Place {
    Header(HeaderName),
    PathParameter,
    /// In what is kept in any case, or in the handler's arguments.
    Elsewhere,
}

/// A type that says where the key of a request and its scope are.
pub trait Wanted {
    /// The places.
    fn places() -> Places;
}

/// The key is in the header `Idempotency-Key`, and the scope is in no header. As nearly everywhere, so it need not be
/// written.
pub enum IdempotencyKey {}

impl Wanted for IdempotencyKey {
    fn places() -> Places {
        Places { key: Place::Header(const { HeaderName::from_static("idempotency-key") }), scope: None }
    }
}

/// The key is in `K`, and the scope in `S`.
pub struct Wants<K, S>(PhantomData<fn() -> (K, S)>);

impl<K: KeyPlace, S: ScopePlace> Wanted for Wants<K, S> {
    fn places() -> Places {
        Places { key: K::place(), scope: S::header() }
    }
}

impl<K, S> fmt::Debug for Wants<K, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wants(..)")
    }
}

/// A type that says where the key is.
pub trait KeyPlace {
    #[doc(hidden)]
    #[allow(private_interfaces, reason = "of the runtime alone")]
    fn place() -> Place;
}

/// A type that says where the scope is.
pub trait ScopePlace {
    #[doc(hidden)]
    fn header() -> Option<HeaderName>;
}

/// In the header of this name: its bytes in lower case, from the left, and zeros behind them.
pub enum Header<const A: u128, const B: u128 = 0, const C: u128 = 0, const D: u128 = 0> {}

/// In a parameter of the path.
pub enum PathParameter {}

/// In no header, and in no parameter of the path.
pub enum Elsewhere {}

const PART: usize = size_of::<u128>();

impl<const A: u128, const B: u128, const C: u128, const D: u128> Header<A, B, C, D> {
    const BYTES: &'static [u8; 4 * PART] = &{
        let parts = [A.to_be_bytes(), B.to_be_bytes(), C.to_be_bytes(), D.to_be_bytes()];
        let mut bytes = [0; 4 * PART];
        let mut at = 0;
        while at < bytes.len() {
            bytes[at] = parts[at / PART][at % PART];
            at += 1;
        }
        bytes
    };

    const TEXT: &'static str = {
        let mut length = 0;
        while length < Self::BYTES.len() && Self::BYTES[length] != 0 {
            length += 1;
        }
        match std::str::from_utf8(Self::BYTES.split_at(length).0) {
            Ok(text) => text,
            Err(_) => panic!("a header's name is ASCII"),
        }
    };

    fn name() -> HeaderName {
        const { HeaderName::from_static(Self::TEXT) }
    }
}

impl<const A: u128, const B: u128, const C: u128, const D: u128> KeyPlace for Header<A, B, C, D> {
    #[allow(private_interfaces, reason = "of the runtime alone")]
    fn place() -> Place {
        Place::Header(Self::name())
    }
}

impl<const A: u128, const B: u128, const C: u128, const D: u128> ScopePlace for Header<A, B, C, D> {
    fn header() -> Option<HeaderName> {
        Some(Self::name())
    }
}

impl KeyPlace for PathParameter {
    #[allow(private_interfaces, reason = "of the runtime alone")]
    fn place() -> Place {
        Place::PathParameter
    }
}

impl KeyPlace for Elsewhere {
    #[allow(private_interfaces, reason = "of the runtime alone")]
    fn place() -> Place {
        Place::Elsewhere
    }
}

impl ScopePlace for Elsewhere {
    fn header() -> Option<HeaderName> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_any_length_come_back() {
        type Longest = Header<
            { u128::from_be_bytes(*b"x-a-name-that-is") },
            { u128::from_be_bytes(*b"-as-long-as-any-") },
            { u128::from_be_bytes(*b"can-be-here-with") },
            { u128::from_be_bytes(*b"-sixty-four-byte") },
        >;
        type Short = Header<{ u128::from_be_bytes(*b"x-tenant\0\0\0\0\0\0\0\0") }>;
        type Standard = Header<{ u128::from_be_bytes(*b"if-match\0\0\0\0\0\0\0\0") }>;
        assert_eq!(Longest::name().as_str(), "x-a-name-that-is-as-long-as-any-can-be-here-with-sixty-four-byte");
        assert_eq!(Short::name().as_str(), "x-tenant");
        assert_eq!(Standard::name(), http::header::IF_MATCH);
    }
}
