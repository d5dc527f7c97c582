//! What a server says of itself when it is greeted. Every user may greet, whatever else they may not.

use std::time::Duration;

use ::redis::Value as Reply;
use ::redis::aio::MultiplexedConnection;

use super::fault::{self, Fault};
use super::request::{Manner, Request};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Standalone,
    Cluster,
    Sentinel,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Hello {
    pub(super) mode: Option<Mode>,
    pub(super) is_replica: bool,
    /// Of the Redis that it is, or that it is compatible with.
    pub(super) version: Option<String>,
}

impl Hello {
    /// `None` from a server, or a proxy before it, that does not greet.
    pub(super) async fn ask(connection: &mut MultiplexedConnection, timeout: Duration) -> Result<Option<Self>, Fault> {
        let request = Request::One(::redis::cmd("HELLO"));
        let asked = request.send(connection, Manner::default());
        let [reply, _] = tokio::time::timeout(timeout, asked).await.map_err(|_| Fault::TimedOut)??.values;
        match fault::of_reply(&reply) {
            Some(fault) if fault.code() == Some("NOAUTH") => Err(fault),
            Some(_) => Ok(None),
            None => Ok(Self::read(reply)),
        }
    }

    fn read(reply: Reply) -> Option<Self> {
        let pairs: Vec<(String, Reply)> = match reply {
            Reply::Map(map) => map.into_iter().filter_map(|(name, value)| Some((text(name)?, value))).collect(),
            Reply::Array(list) => {
                let mut list = list.into_iter();
                std::iter::from_fn(|| Some((list.next()?, list.next()?)))
                    .filter_map(|(name, value)| Some((text(name)?, value)))
                    .collect()
            }
            _ => return None,
        };
        let mut hello = Self::default();
        for (name, value) in pairs {
            match (name.as_str(), text(value).as_deref()) {
                ("mode", Some("standalone")) => hello.mode = Some(Mode::Standalone),
                ("mode", Some("cluster")) => hello.mode = Some(Mode::Cluster),
                ("mode", Some("sentinel")) => hello.mode = Some(Mode::Sentinel),
                ("role", Some(role)) => hello.is_replica = matches!(role, "replica" | "slave"),
                ("version", Some(version)) => hello.version = Some(version.to_owned()),
                _ => {}
            }
        }
        Some(hello)
    }

    /// # Errors
    /// When it is something else than a primary by itself.
    pub(super) fn is_a_server(&self) -> Result<(), Fault> {
        match self.mode {
            Some(Mode::Cluster) => Err(Fault::Misplaced(CLUSTER)),
            Some(Mode::Sentinel) => Err(Fault::Misplaced(SENTINEL)),
            _ if self.is_replica => Err(Fault::Replica),
            _ => Ok(()),
        }
    }

    pub(super) fn is_a_sentinel(&self) -> Result<(), Fault> {
        match self.mode {
            Some(Mode::Cluster) => Err(Fault::Misplaced(CLUSTER)),
            Some(Mode::Standalone) => Err(Fault::Misplaced(SERVER)),
            _ => Ok(()),
        }
    }

    pub(super) fn is_a_node(&self) -> Result<(), Fault> {
        match self.mode {
            Some(Mode::Sentinel) => Err(Fault::Misplaced(SENTINEL)),
            Some(Mode::Standalone) => Err(Fault::Misplaced(SERVER)),
            _ => Ok(()),
        }
    }
}

const CLUSTER: &str = "is a node of a cluster; use redis+cluster://HOST:PORT";
const SENTINEL: &str = "is a sentinel; use redis+sentinel://HOST:PORT/SERVICE";
const SERVER: &str = "is a server by itself, neither a sentinel nor a node of a cluster; use redis://HOST:PORT";

fn text(reply: Reply) -> Option<String> {
    match reply {
        Reply::BulkString(_) | Reply::SimpleString(_) | Reply::VerbatimString { .. } => {
            ::redis::from_redis_value(reply).ok()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(mode: &str, role: Option<&str>) -> Vec<(Reply, Reply)> {
        let text = |text: &str| Reply::BulkString(text.into());
        let mut pairs = vec![
            (text("server"), text("redis")),
            (text("version"), text("7.0.15")),
            (text("proto"), Reply::Int(2)),
            (text("mode"), text(mode)),
        ];
        pairs.extend(role.map(|role| (text("role"), text(role))));
        pairs.push((text("modules"), Reply::Array(vec![])));
        pairs
    }

    fn hello(mode: &str, role: Option<&str>) -> Hello {
        let map = Hello::read(Reply::Map(pairs(mode, role))).unwrap();
        let list = pairs(mode, role).into_iter().flat_map(|(name, value)| [name, value]).collect();
        assert_eq!(Hello::read(Reply::Array(list)).unwrap(), map, "both protocols");
        map
    }

    fn line(verdict: Result<(), Fault>) -> &'static str {
        match verdict {
            Err(Fault::Misplaced(line)) => line,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_url_of_the_wrong_kind_gets_the_right_one_named() {
        let (server, node, sentinel) =
            (hello("standalone", Some("master")), hello("cluster", Some("master")), hello("sentinel", None));
        assert_eq!(server.version.as_deref(), Some("7.0.15"));
        assert!(server.is_a_server().is_ok() && node.is_a_node().is_ok() && sentinel.is_a_sentinel().is_ok());
        assert!(line(node.is_a_server()).contains("use redis+cluster://"));
        assert!(line(node.is_a_sentinel()).contains("use redis+cluster://"));
        assert!(line(sentinel.is_a_server()).contains("use redis+sentinel://"));
        assert!(line(sentinel.is_a_node()).contains("use redis+sentinel://"));
        assert!(line(server.is_a_node()).contains("use redis://"));
        assert!(line(server.is_a_sentinel()).contains("use redis://"));
    }

    #[test]
    fn i48_a_replica_is_no_server_to_claim_at() {
        assert!(matches!(hello("standalone", Some("replica")).is_a_server(), Err(Fault::Replica)));
        assert!(hello("", None).is_a_server().is_ok(), "what is not said is not held against it");
    }
}
