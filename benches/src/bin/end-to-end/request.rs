//! A request that is written once, and gets another key for each time that it is sent.

/// The bytes of a `POST`.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    bytes: Vec<u8>,
    key: Option<usize>,
    order: usize,
    body: usize,
}

/// How many hexadecimal digits tell one key, or one order, from another.
const DIGITS: usize = 12;
const NOTE: &str = r#"{"order":"000000000000","note":""#;

impl Request {
    /// With a body of this many bytes, and perhaps a key, whose first part is the run's own, and a cookie.
    pub(crate) fn new(path: &str, run: Option<u32>, cookie: Option<&str>, body: usize) -> Self {
        let mut bytes = format!("POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n");
        let mut key = None;
        if let Some(run) = run {
            bytes += &format!("idempotency-key: {run:08x}-0000-4000-8000-{:012x}\r\n", 0);
            key = Some(bytes.len() - DIGITS - 2);
        }
        if let Some(cookie) = cookie {
            bytes += &format!("cookie: {cookie}\r\n");
        }
        bytes += &format!("content-length: {body}\r\n\r\n");
        let begin = bytes.len();
        bytes += NOTE;
        bytes += &"x".repeat(body - NOTE.len() - 2);
        bytes += r#""}"#;
        Self { bytes: bytes.into_bytes(), key, order: begin + r#"{"order":""#.len(), body: begin }
    }

    /// Under this key, for this order.
    pub(crate) fn set(&mut self, key: u64, order: u64) {
        if let Some(at) = self.key {
            digits(&mut self.bytes[at..at + DIGITS], key);
        }
        digits(&mut self.bytes[self.order..self.order + DIGITS], order);
    }

    /// All of it.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Its body, which is also the body of its answer.
    pub(crate) fn body(&self) -> &[u8] {
        &self.bytes[self.body..]
    }
}

fn digits(into: &mut [u8], mut number: u64) {
    for digit in into.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(number % 16) as usize];
        number /= 16;
    }
}
