//! The shop in a process of its own, which can be killed and started again.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

/// A shop that runs. It is killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Shop {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Shop {
    /// Starts one, and waits until it listens.
    pub(crate) fn start(store: &str, listen: SocketAddr) -> Result<Self, String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut child = Command::new(program)
            .args(["shop", "--until-stdin-ends", "--store", store, "--listen", &listen.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        let mut line = String::new();
        let said = child.stdout.take().map(|output| BufReader::new(output).read_line(&mut line));
        let address = line.trim().rsplit('/').next().and_then(|address| address.parse().ok());
        match (said, address) {
            (Some(Ok(_)), Some(address)) => Ok(Self { child, address }),
            // It has said why itself.
            _ => Err(format!("the shop does not start on {listen}")),
        }
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.kill();
    }
}
