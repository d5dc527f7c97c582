//! A server in front of a shop, which does to each try what it is told to: it lets it pass, or spoils it.
//!
//! It takes one request from each connection, and then closes it: every try is a connection, and meets one fate.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What becomes of one try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Request and answer arrive.
    Passes,
    /// They arrive, so much later.
    IsLate(Duration),
    /// The connection is closed before the shop sees the request.
    IsCut,
    /// The same, with a reset.
    IsReset,
    /// The shop does what it is asked for; the connection is closed before the answer.
    LosesItsAnswer,
    /// The same, in the middle of the answer.
    BreaksOff,
    /// Nothing is ever answered, and the shop sees nothing.
    Stalls,
    /// The shop does what it is asked for, and its answer is kept from the client for ever.
    StallsAfter,
    /// Answered with this status, and this `Retry-After`; the shop sees nothing.
    IsRefused(u16, Option<&'static str>),
}

/// Decides what becomes of the tries.
pub trait Weather: Send + Sync + 'static {
    /// The fate of a try, by its path and query.
    fn fate(&self, target: &str) -> Fate;

    /// A try that should have passed did not: the shop is down, or answered 409 or 503, or the client did not wait for it.
    fn spoiled(&self, _target: &str) {}
}

/// The server. It stops when it is dropped.
#[derive(Debug)]
pub struct Front {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Front {
    /// On a free port, in front of `shop`.
    ///
    /// # Errors
    /// When there is no free port.
    pub async fn start(shop: SocketAddr, weather: Arc<impl Weather>) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(async move {
            loop {
                // One that is gone before it is accepted is no reason to stop.
                let Ok((client, _)) = listener.accept().await else {
                    tokio::task::yield_now().await;
                    continue;
                };
                let weather = Arc::clone(&weather);
                tokio::spawn(async move { drop(carry(client, shop, &*weather).await) });
            }
        });
        Ok(Self { address, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Carries one request and its answer, as far as its fate lets them come.
async fn carry(mut client: TcpStream, shop: SocketAddr, weather: &impl Weather) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    let Some(request) = Request::read(&mut client).await? else { return Ok(()) };
    let fate = weather.fate(&request.target);
    match fate {
        Fate::IsCut => return Ok(()),
        Fate::IsReset => return client.set_zero_linger(),
        Fate::Stalls => return until_gone(&mut client).await,
        Fate::IsRefused(status, retry_after) => {
            let retry_after = retry_after.map(|text| format!("retry-after: {text}\r\n")).unwrap_or_default();
            let head =
                format!("HTTP/1.1 {status} Refused\r\nconnection: close\r\ncontent-length: 0\r\n{retry_after}\r\n");
            return client.write_all(head.as_bytes()).await;
        }
        Fate::IsLate(delay) => tokio::time::sleep(delay).await,
        Fate::Passes | Fate::LosesItsAnswer | Fate::BreaksOff | Fate::StallsAfter => {}
    }
    let passes = matches!(fate, Fate::Passes | Fate::IsLate(_));
    let answer = request.ask(shop).await.unwrap_or_default();
    if passes && (is_refusal(&answer) || is_gone(&client)) {
        weather.spoiled(&request.target);
    }
    match fate {
        Fate::LosesItsAnswer => Ok(()),
        Fate::BreaksOff => client.write_all(&answer[..answer.len().saturating_sub(5)]).await,
        Fate::StallsAfter => until_gone(&mut client).await,
        _ => client.write_all(&answer).await,
    }
}

/// Waits until the client hangs up.
async fn until_gone(client: &mut TcpStream) -> std::io::Result<()> {
    client.read(&mut [0; 64]).await.map(drop)
}

/// Whether the client has hung up already. It sends nothing but its one request.
fn is_gone(client: &TcpStream) -> bool {
    !client.try_read(&mut [0]).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
}

/// Of a shop that is down, there is nothing.
fn is_refusal(answer: &[u8]) -> bool {
    answer.is_empty() || [b"HTTP/1.1 409", b"HTTP/1.1 503"].iter().any(|head| answer.starts_with(*head))
}

struct Request {
    target: String,
    bytes: Vec<u8>,
}

impl Request {
    /// Reads one to its end; `None` if there is none, or it is none.
    async fn read(client: &mut TcpStream) -> std::io::Result<Option<Self>> {
        let mut bytes = Vec::new();
        loop {
            if client.read_buf(&mut bytes).await? == 0 {
                return Ok(None);
            }
            let mut headers = [httparse::EMPTY_HEADER; 64];
            let mut head = httparse::Request::new(&mut headers);
            let Ok(httparse::Status::Complete(end)) = head.parse(&bytes).map_err(std::io::Error::other) else {
                continue;
            };
            let length = head.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
            let length = length.and_then(|header| std::str::from_utf8(header.value).ok()?.parse().ok()).unwrap_or(0);
            if bytes.len() < end + length {
                continue;
            }
            let target = head.path.unwrap_or_default().to_owned();
            return Ok(Some(Self { target, bytes }));
        }
    }

    /// Asks the shop for the last time on a connection, so that its answer ends where the connection does.
    async fn ask(&self, shop: SocketAddr) -> std::io::Result<Vec<u8>> {
        let first_line = self.bytes.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let (first_line, rest) = self.bytes.split_at(first_line);
        let mut shop = TcpStream::connect(shop).await?;
        shop.write_all(&[first_line, b"connection: close\r\n", rest].concat()).await?;
        let mut answer = Vec::new();
        shop.read_to_end(&mut answer).await?;
        Ok(answer)
    }
}
