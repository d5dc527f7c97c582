//! A recorded response, written as the head of an HTTP/1.1 message (RFC 9112 section 2.1) with its body beside it.
//!
//! That format needs no escapes for any header value there can be, keeps order and repeats, is read without a copy, and an
//! operator can read it as it stands. It is read here as it was written here and in no other form, so that takes no parser
//! for what a peer may send: what a name and a value may be, `http` knows.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::CONNECTION;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, response::Parts};

use crate::engine::settled::Settled;
use crate::store::{Outcome, StoreError};

/// More fields than this are not recorded, nor read back.
const MOST_FIELDS: usize = 128;
/// A larger head is not recorded, nor read back, in bytes.
const LARGEST_HEAD: usize = 64 * 1024;

/// The outcome that replays this response, or `None` if no replay could be true to it.
pub(super) fn encode(parts: &Parts, body: Bytes, replayed_header: &HeaderName) -> Option<Outcome> {
    if parts.status.as_u16() < 200 {
        // 1xx is no final answer (RFC 9110 section 15.2); what follows a 101 is no HTTP at all.
        return None;
    }
    let mut head = Settled::begin_kept(64 + parts.headers.len() * 48);
    head.extend_from_slice(b"HTTP/1.1 ");
    head.extend_from_slice(parts.status.as_str().as_bytes());
    head.push(b' ');
    head.extend_from_slice(parts.status.canonical_reason().unwrap_or_default().as_bytes());
    head.extend_from_slice(b"\r\n");
    let named_by_connection = named_by_connection(&parts.headers);
    let mut fields = 0;
    for (name, value) in &parts.headers {
        if !is_recorded(name) || name == replayed_header || named_by_connection.contains(name) {
            continue;
        }
        fields += 1;
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    (fields <= MOST_FIELDS && head.len() <= LARGEST_HEAD).then(|| Settled::kept(head, body))
}

/// Not recorded: what belongs to one connection or one message (RFC 9110 section 7.6.1, RFC 9112 section 6), is made
/// anew, or must not be handed out twice.
fn is_recorded(name: &HeaderName) -> bool {
    let name = name.as_str();
    let of_one_message = matches!(
        name,
        "connection" | "keep-alive" | "te" | "trailer" | "transfer-encoding" | "upgrade" | "content-length" | "date"
    );
    let not_twice =
        matches!(name, "set-cookie" | "set-cookie2" | "authorization" | "www-authenticate" | "authentication-info");
    !of_one_message && !not_twice && !name.starts_with("proxy-")
}

/// Fields that `Connection` declares to be of this connection only.
fn named_by_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect()
}

/// The response of a record.
pub(super) fn decode(head: &Bytes, body: Bytes) -> Result<Response, StoreError> {
    if head.len() > LARGEST_HEAD {
        return Err(StoreError::corrupt("the head of a recorded response is too large"));
    }
    let mut lines = Lines { rest: head };
    let status = lines
        .next()
        .and_then(status)
        .ok_or_else(|| StoreError::corrupt("a recorded response does not begin with a status that can be replayed"))?;
    // All lines but the first and the empty one. To count them costs less than to grow on the way.
    let fields = memchr::memchr_iter(b'\n', lines.rest).count().saturating_sub(1);
    if fields > MOST_FIELDS {
        return Err(StoreError::corrupt("a recorded response has too many fields"));
    }
    let mut headers = HeaderMap::with_capacity(fields + ADDED_LATER);
    let mut ended = false;
    for line in lines.by_ref() {
        if line.is_empty() {
            ended = true;
            break;
        }
        let Some((name, value)) = field(head, line).filter(|(name, _)| is_recorded(name)) else {
            return Err(StoreError::corrupt("a field of a recorded response is none that can be replayed"));
        };
        headers.append(name, value);
    }
    if !ended || !lines.rest.is_empty() {
        return Err(StoreError::corrupt("the head of a recorded response does not end where it should"));
    }
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

/// The mark of a replay, `Cache-Control`, `Content-Length`, and one more of a layer.
const ADDED_LATER: usize = 4;

/// The lines of a head, each ended by CR LF.
struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let end = memchr::memchr(b'\n', self.rest)?;
        let (line, rest) = (self.rest.get(..end)?, self.rest.get(end + 1..)?);
        self.rest = rest;
        line.strip_suffix(b"\r")
    }
}

/// The status of `HTTP/1.1 201 Created`.
fn status(line: &[u8]) -> Option<StatusCode> {
    let (code, reason) = line.strip_prefix(b"HTTP/1.1 ")?.split_at_checked(3)?;
    let reason = reason.strip_prefix(b" ")?;
    let readable = reason.iter().all(|byte| *byte == b' ' || byte.is_ascii_graphic());
    StatusCode::from_bytes(code).ok().filter(|status| readable && status.as_u16() >= 200)
}

/// The field of `name: value`, with the value where it is in `head`.
fn field(head: &Bytes, line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = line.split_at_checked(memchr::memchr(b':', line)?)?;
    let value = value.strip_prefix(b": ")?;
    let name = HeaderName::from_bytes(name).ok()?;
    // It holds no CR and no LF: neither would be a value.
    let value = HeaderValue::from_maybe_shared(head.slice_ref(value)).ok()?;
    Some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MARKER: HeaderName = HeaderName::from_static("idempotency-replayed");

    fn encode_response(response: Response<()>) -> Option<Bytes> {
        encode(&response.into_parts().0, Bytes::new(), &MARKER).map(|outcome| match Settled::decode(outcome) {
            Ok(Settled::Kept { head, .. }) => head,
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn i23_repeated_and_binary_fields_come_back_in_order() {
        let response = Response::builder()
            .status(201)
            .header("location", "/v1/payments/1")
            .header("x-many", "1")
            .header("etag", "\"rev2\"")
            .header("x-many", "2")
            .header("x-bytes", HeaderValue::from_bytes(b"\xff\tv\xe9").unwrap())
            .header("x-empty", "")
            .body(())
            .unwrap();
        let expected = response.headers().clone();
        let head = encode_response(response).unwrap();
        assert!(head.starts_with(b"HTTP/1.1 201 Created\r\nlocation: /v1/payments/1\r\n"));
        let decoded = decode(&head, Bytes::new()).unwrap();
        assert_eq!((decoded.status().as_u16(), decoded.headers()), (201, &expected));
    }

    #[test]
    fn b26_b27_what_must_not_come_twice_is_not_recorded() {
        let mut builder = Response::builder();
        for name in [
            "set-cookie",
            "authorization",
            "www-authenticate",
            "proxy-authenticate",
            "proxy-anything",
            "connection",
            "keep-alive",
            "te",
            "trailer",
            "transfer-encoding",
            "upgrade",
            "content-length",
            "date",
            "x-hop",
            "idempotency-replayed",
        ] {
            builder = builder.header(name, if name == "connection" { "X-Hop, close" } else { "canary" });
        }
        let head = encode_response(builder.body(()).unwrap()).unwrap();
        assert_eq!(&*head, b"HTTP/1.1 200 OK\r\n\r\n");
    }

    #[test]
    fn b28_b29_what_cannot_be_replayed_is_refused() {
        for head in [
            "HTTP/1.1 000 \r\n\r\n",
            "HTTP/1.1 99 \r\n\r\n",
            "HTTP/1.1 101 Switching\r\n\r\n",
            "HTTP/1.1 1000 X\r\n\r\n",
            "HTTP/1.1 200 OK\r\nset-cookie: a\r\n\r\n",
            "HTTP/1.1 200 OK\r\nx: a\r\nb\r\n\r\n",
            "HTTP/1.1 200 OK\r\n",
            "HTTP/1.1 200 OK",
            "HTTP/1.1 200 OK\n\n",
            "HTTP/1.1 200\r\n\r\n",
            "HTTP/1.1 2000 OK\r\n\r\n",
            "HTTP/1.1 +20 OK\r\n\r\n",
            "HTTP/1.1 200 O\rK\r\n\r\n",
            "HTTP/1.0 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\nmore",
            "HTTP/1.1 200 OK\r\n\r\nx: a\r\n\r\n",
            "HTTP/1.1 200 OK\r\nx: a\r\n",
            "HTTP/1.1 200 OK\r\nx: a\n\r\n",
            "HTTP/1.1 200 OK\r\nx: a\rset-cookie: b\r\n\r\n",
            "HTTP/1.1 200 OK\r\nx: a\nset-cookie: b\r\n\r\n",
            "HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n",
            "HTTP/1.1 200 OK\r\nx : a\r\n\r\n",
            "HTTP/1.1 200 OK\r\nx:a\r\n\r\n",
            "HTTP/1.1 200 OK\r\n: a\r\n\r\n",
            "HTTP/1.1 200 OK\r\nx\r\n\r\n",
            "HTTP/1.1 200 OK\r\n x: a\r\n\r\n",
            "",
            "garbage",
        ] {
            assert!(decode(&Bytes::from(head), Bytes::new()).is_err(), "{head:?}");
        }
        assert!(encode_response(Response::builder().status(101).body(()).unwrap()).is_none());
    }

    #[test]
    fn b33_the_head_is_bounded() {
        let many = |n: usize| {
            let mut builder = Response::builder();
            for index in 0..n {
                builder = builder.header(format!("x-{index}"), "v");
            }
            encode_response(builder.body(()).unwrap())
        };
        assert!(decode(&many(MOST_FIELDS).unwrap(), Bytes::new()).is_ok());
        assert!(many(MOST_FIELDS + 1).is_none());
        let fields = |n: usize| Bytes::from(format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: v\r\n".repeat(n)));
        assert!(decode(&fields(MOST_FIELDS), Bytes::new()).is_ok());
        assert!(decode(&fields(MOST_FIELDS + 1), Bytes::new()).is_err());
        let long = Bytes::from(format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "v".repeat(LARGEST_HEAD)));
        assert!(decode(&long, Bytes::new()).is_err());
        assert!(encode_response(Response::builder().header("x", "v".repeat(LARGEST_HEAD)).body(()).unwrap()).is_none());
    }

    proptest! {
        #[test]
        fn i23_every_response_comes_back(
            status in 200u16..1000,
            fields in proptest::collection::vec(("x-[a-z]{1,3}", proptest::collection::vec(any::<u8>(), 0..20)), 0..20),
        ) {
            let mut builder = Response::builder().status(status);
            for (name, value) in fields {
                if let Ok(value) = HeaderValue::from_bytes(&value) {
                    builder = builder.header(name, value);
                }
            }
            let response = builder.body(()).unwrap();
            let expected = response.headers().clone();
            let decoded = decode(&encode_response(response).unwrap(), Bytes::new()).unwrap();
            prop_assert_eq!(decoded.status().as_u16(), status);
            prop_assert_eq!(decoded.headers(), &expected);
        }

        #[test]
        fn b32_garbage_never_panics(head in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&head.into(), Bytes::new());
        }
    }
}
