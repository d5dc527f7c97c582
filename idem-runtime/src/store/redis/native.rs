//! Compare-and-set without Lua, on servers that have commands for it. Faster by far, above all where bodies are large.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering::Relaxed};
use std::time::Duration;

use ::redis::{Cmd, ToRedisArgs, Value as Reply};
use tokio::time::Instant;

use super::fault::{self, Fault};
use super::request::Request;
use super::topology::Topology;
use super::value::Written;

/// Which of the commands the server has. Those of one cluster may differ, and a failover may end on an older one: whoever
/// is told that there is no such command goes back to the script.
#[derive(Debug, Default)]
pub(super) struct Native {
    /// `SET .. IFEQ`: Redis 8.4, Valkey 8.1.
    set: AtomicBool,
    /// One of the constants below.
    delete: AtomicU8,
}

const NONE: u8 = 0;
/// `DELEX .. IFEQ`: Redis 8.4.
const DELEX: u8 = 1;
/// `DELIFEQ`: Valkey 9.0.
const DELIFEQ: u8 = 2;

impl Native {
    /// Tries the commands on an entry that does not exist. What is forbidden is not there.
    pub(super) async fn probe(topology: &Topology, prefix: &str, timeout: Duration) -> Self {
        let name = format!("{prefix}probe");
        let is_known = async |command: Cmd| {
            let answer = topology.ask(&name, &Request::One(command), None, timeout, Instant::now() + 2 * timeout).await;
            answer.is_ok_and(|replies| fault::of_reply(&replies.values[0]).is_none())
        };
        let native = Self::default();
        native.set.store(is_known(set(&name, &"probe", &"", 1)).await, Relaxed);
        for (kind, value) in [(DELEX, "probe"), (DELIFEQ, "probe")] {
            if is_known(delete(kind, &name, &value)).await {
                native.delete.store(kind, Relaxed);
                break;
            }
        }
        native
    }

    pub(super) fn has_set(&self) -> bool {
        self.set.load(Relaxed)
    }

    /// Removes exactly `old`, if the server can.
    pub(super) fn delete(&self, name: &str, old: Written<'_>) -> Option<Cmd> {
        match self.delete.load(Relaxed) {
            NONE => None,
            kind => Some(delete(kind, name, &old)),
        }
    }

    /// Whether it did. If not, the script finds out why: not there any more, not exactly that, or refused.
    pub(super) fn has_done(&self, reply: &Reply) -> bool {
        match fault::of_reply(reply) {
            Some(fault) if is_unknown(&fault) => {
                self.set.store(false, Relaxed);
                self.delete.store(NONE, Relaxed);
                false
            }
            Some(_) => false,
            None => matches!(reply, Reply::Okay | Reply::Int(1)),
        }
    }
}

/// Replaces exactly `old` by `new`.
pub(super) fn set(name: &str, old: &impl ToRedisArgs, new: &impl ToRedisArgs, lifetime: u64) -> Cmd {
    let mut set = ::redis::cmd("SET");
    set.arg(name).arg(new).arg("PX").arg(lifetime).arg("IFEQ").arg(old);
    set
}

fn delete(kind: u8, name: &str, old: &impl ToRedisArgs) -> Cmd {
    let mut delete = ::redis::cmd(if kind == DELEX { "DELEX" } else { "DELIFEQ" });
    delete.arg(name);
    if kind == DELEX {
        delete.arg("IFEQ");
    }
    delete.arg(old);
    delete
}

/// No such command, or no such option of it.
fn is_unknown(fault: &Fault) -> bool {
    fault.code() == Some("ERR")
}
