//! Consumers in processes of their own.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use idem_tests::process::{overheard, signal};
use idem_tests::until;
use parking_lot::Mutex;

/// A consumer, and what it says. It is killed when it is dropped.
pub(crate) struct Consumer {
    child: Child,
    said: Arc<Mutex<String>>,
}

impl Consumer {
    pub(crate) fn start(program: &Path, arguments: &[String]) -> Self {
        let mut command = Command::new(program);
        let mut child = command.args(arguments).stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let said = overheard(child.stderr.take().unwrap());
        Self { child, said }
    }

    /// What it has said. That no message was booked twice was the guard's doing, and not that of the bookings' constraint.
    pub(crate) fn said(&self) -> String {
        let said = self.said.lock().clone();
        assert!(!said.contains("its record has ended"), "{said}");
        said
    }

    /// How many of its lines have this in them.
    pub(crate) fn times(&self, text: &str) -> usize {
        self.said.lock().lines().filter(|line| line.contains(text)).count()
    }

    pub(crate) async fn says(&self, text: &str) {
        until(text, async || (self.times(text) > 0).then_some(())).await;
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// `kill -9`, and what it had said.
    pub(crate) fn kill(mut self) -> String {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.said()
    }

    /// Waits for its end, and gives what it has said.
    pub(crate) async fn ends_well(mut self) -> String {
        let code = until("the consumer's end", async || Some(self.child.try_wait().ok()??.code())).await;
        assert_eq!(code, Some(0), "{}", self.said());
        self.said()
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let said = self.said();
            std::io::Write::write_all(&mut std::io::stderr(), said.as_bytes()).unwrap_or_default();
        }
    }
}
