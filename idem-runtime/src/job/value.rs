//! From a value to its record, and back.
//!
//! The head says what the body is, so that neither the record of a handler nor that of a later format is taken for one.

use std::io;

use bytes::Bytes;
use serde::Serialize;
use serde::de::{DeserializeOwned, Error as _};

use super::JobRefusal;
use crate::engine::Ending;
use crate::engine::settled::Settled;

const JSON: &[u8] = b"job json v1\n";

/// Whether a record is of a value in this format.
#[cfg(feature = "admin")]
pub(crate) fn is_json(head: &[u8]) -> bool {
    head == JSON
}

/// The head of a record of a value.
pub(crate) fn json_head() -> Vec<u8> {
    let mut head = Settled::begin_kept(JSON.len());
    head.extend_from_slice(JSON);
    head
}

/// What becomes of a claim.
pub struct Ended(pub(super) Ending);

/// The same, by what the work came to and by the most bytes that are kept of it.
pub(super) type EndingOf<R> = fn(&R, usize) -> Ended;

/// What becomes of the claim whose work came to `result`.
pub(super) fn ending<T: Serialize, E>(result: &Result<T, E>, max_result: usize) -> Ended {
    Ended(match result {
        Ok(value) => kept(value, max_result),
        Err(_) => Ending::Failed,
    })
}

fn kept<T: Serialize>(value: &T, max_result: usize) -> Ending {
    let mut body = Limited { bytes: Vec::new(), left: max_result };
    match serde_json::to_writer(&mut body, value) {
        Ok(()) => Ending::Keep(Settled::kept(json_head(), body.bytes.into())),
        Err(error) => {
            // Without the error's own text, which can quote the value.
            let too_large = error.is_io();
            tracing::warn!(too_large, "a result is not kept; only that there was one");
            Ending::NotKept
        }
    }
}

/// The value of a record.
pub(super) fn read<T: DeserializeOwned>(head: &Bytes, body: &Bytes) -> Result<T, JobRefusal> {
    let read = match &**head {
        JSON => serde_json::from_slice(body),
        _ => Err(serde_json::Error::custom("the record is of no format that this release knows")),
    };
    read.map_err(|error| {
        // Without the error's own text, which can quote the value.
        tracing::error!("a recorded result cannot be read as the type that is asked for");
        JobRefusal::Unreadable(error)
    })
}

/// Takes so many bytes, and no more.
struct Limited {
    bytes: Vec<u8>,
    left: usize,
}

impl io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(left) = self.left.checked_sub(bytes.len()) else {
            return Err(io::Error::other("it is larger than `max_result`"));
        };
        self.left = left;
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn parts<T: Serialize>(value: &T) -> (Bytes, Bytes) {
        let Ending::Keep(outcome) = kept(value, 1000) else { panic!("it is not kept") };
        match Settled::decode(outcome) {
            Ok(Settled::Kept { head, body }) => (head, body),
            other => panic!("{other:?}"),
        }
    }

    // I30: a record that an older release has written has to be read by a newer one.
    #[test]
    fn i30_the_format_is_stable_over_releases() {
        let (head, body) = parts(&(1, "a", None::<u8>));
        assert_eq!((&*head, &*body), (&b"job json v1\n"[..], &b"[1,\"a\",null]"[..]));
    }

    #[test]
    fn what_is_kept_is_read() {
        let value = (u64::MAX, "ä\0".to_owned(), Some(-1_i64), BTreeMap::from([(7, ())]));
        let (head, body) = parts(&value);
        assert_eq!(read::<(u64, String, Option<i64>, BTreeMap<i32, ()>)>(&head, &body).unwrap(), value);
        assert!(matches!(read::<u64>(&head, &body), Err(JobRefusal::Unreadable(_))));
    }

    #[test]
    fn i22_what_is_too_large_or_no_json_is_not_kept() {
        assert!(matches!(kept(&"abcd", 6), Ending::Keep(_)));
        assert!(matches!(kept(&"abcd", 5), Ending::NotKept));
        assert!(matches!(kept(&BTreeMap::from([((1, 2), 3)]), 1000), Ending::NotKept), "no key of a JSON object");
    }

    #[test]
    fn i25_another_format_fails_closed() {
        for head in [&b"HTTP/1.1 200 OK\r\n\r\n"[..], b"job json v2\n", b"", b"job json v1\nx"] {
            let read = read::<u8>(&Bytes::copy_from_slice(head), &Bytes::from_static(b"1"));
            assert!(matches!(read, Err(JobRefusal::Unreadable(_))));
        }
    }
}
