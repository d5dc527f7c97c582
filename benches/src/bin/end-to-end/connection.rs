//! One connection of the load generator. It blocks, and does little else, so that it costs less than any server.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// To one server.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// What matters of an answer.
#[derive(Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) replayed: bool,
    pub(crate) cookie: Option<String>,
    pub(crate) body: &'a [u8],
}

struct Head {
    length: usize,
    body: usize,
    status: u16,
    replayed: bool,
    cookie: Option<String>,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(Self { stream, buffer: vec![0; 16 * 1024] })
    }

    /// Sends a request whose answer is not waited for.
    pub(crate) fn send(&mut self, request: &[u8]) -> io::Result<()> {
        self.stream.write_all(request)
    }

    /// Sends a request and reads its answer to the end.
    pub(crate) fn exchange(&mut self, request: &[u8]) -> io::Result<Answer<'_>> {
        self.send(request)?;
        self.receive()
    }

    /// The answer to what was sent.
    pub(crate) fn receive(&mut self) -> io::Result<Answer<'_>> {
        let mut filled = 0;
        let head = loop {
            filled += self.read(filled)?;
            if let Some(head) = head(&self.buffer[..filled])? {
                break head;
            }
        };
        let end = head.body + head.length;
        while filled < end {
            filled += self.read(filled)?;
        }
        let Head { status, replayed, cookie, body, .. } = head;
        Ok(Answer { status, replayed, cookie, body: &self.buffer[body..end] })
    }

    fn read(&mut self, filled: usize) -> io::Result<usize> {
        if filled == self.buffer.len() {
            self.buffer.resize(filled * 2, 0);
        }
        match self.stream.read(&mut self.buffer[filled..])? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            read => Ok(read),
        }
    }

    /// What a `GET` or a `POST` without a body is answered with.
    pub(crate) fn ask(&mut self, method: &str, path: &str) -> io::Result<Answer<'_>> {
        self.exchange(format!("{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 0\r\n\r\n").as_bytes())
    }
}

/// The head of an answer, if it is all there.
fn head(bytes: &[u8]) -> io::Result<Option<Head>> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(body) = response.parse(bytes).map_err(io::Error::other)? else { return Ok(None) };
    let mut head = Head { length: 0, body, status: response.code.unwrap_or(0), replayed: false, cookie: None };
    for header in response.headers.iter() {
        let text = || std::str::from_utf8(header.value).map_err(io::Error::other);
        match header.name {
            "content-length" => head.length = text()?.parse().map_err(io::Error::other)?,
            "idempotency-replayed" | "idempotent-replayed" => head.replayed = true,
            "set-cookie" => head.cookie = text()?.split(';').next().map(str::to_owned),
            "transfer-encoding" => return Err(io::Error::other("an answer without a length")),
            _ => {}
        }
    }
    Ok(Some(head))
}
