//! What lies before a server and changes requests on their way: a server's own library reads HTTP too well to be wrong there.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Replaces some bytes in every request. It stops when it is dropped.
#[derive(Debug)]
pub struct Relay {
    /// Where it listens.
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Relay {
    /// Passes on to `server`, with `to` in the place of `from`, which has the same length.
    ///
    /// # Panics
    /// When there is no port.
    pub async fn start(server: SocketAddr, from: &'static str, to: &'static str) -> Self {
        assert_eq!(from.len(), to.len(), "a request's length stays");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, server, from, to));
            }
        });
        Self { address, task }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A request comes in one piece here: it is small, and written at once.
async fn pass(client: TcpStream, server: SocketAddr, from: &str, to: &str) -> std::io::Result<()> {
    let (mut requests, mut client) = client.into_split();
    let (mut answers, mut server) = TcpStream::connect(server).await?.into_split();
    let answering = tokio::spawn(async move { copy(&mut answers, &mut client).await });
    let mut piece = vec![0; 64 * 1024];
    loop {
        let length = requests.read(&mut piece).await?;
        if length == 0 {
            break;
        }
        let mut request = piece[..length].to_vec();
        while let Some(place) = request.windows(from.len()).position(|window| window == from.as_bytes()) {
            request[place..place + from.len()].copy_from_slice(to.as_bytes());
        }
        server.write_all(&request).await?;
    }
    server.shutdown().await?;
    answering.await?.map(drop)
}
