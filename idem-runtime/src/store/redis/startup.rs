//! What a server has to be before anything is kept in it.

use ::redis::{ErrorKind, ServerErrorKind, Value as Reply};

use super::error::RedisConnectError;
use super::fault::{self, Fault};
use super::link::Link;
use super::request::{Manner, Request};

/// The oldest version that has `SET .. NX GET` and script flags. Valkey calls itself Redis 7.2.4, whatever its own version.
const OLDEST: (u64, u64) = (7, 0);

/// What a server says about itself, as far as it says it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Server {
    version: Option<String>,
    policy: Option<String>,
    replica: bool,
}

impl Server {
    /// Asks the server.
    ///
    /// # Errors
    /// Only when it cannot be asked. What it will not say is left open: `INFO` and `CONFIG` are forbidden to many users.
    pub(super) async fn ask(link: &Link) -> Result<Self, Fault> {
        let mut server = match answer(link, &["INFO"]).await? {
            Some(Reply::BulkString(info)) => Self::read(&String::from_utf8_lossy(&info)),
            Some(Reply::VerbatimString { text: info, .. }) => Self::read(&info),
            _ => Self::default(),
        };
        if server.policy.is_none() {
            server.policy = answer(link, &["CONFIG", "GET", "maxmemory-policy"]).await?.and_then(setting);
        }
        Ok(server)
    }

    fn read(info: &str) -> Self {
        let mut server = Self::default();
        for (name, value) in info.lines().filter_map(|line| line.split_once(':')) {
            let value = value.trim();
            match name {
                "redis_version" => server.version = Some(value.to_owned()),
                "maxmemory_policy" => server.policy = Some(value.to_owned()),
                "role" => server.replica = value == "slave" || value == "replica",
                _ => {}
            }
        }
        server
    }

    /// Whether it will do.
    pub(super) fn check(&self, address: &str, allow_eviction: bool) -> Result<(), RedisConnectError> {
        if let Some(version) = self.version.as_ref().filter(|version| is_too_old(version)) {
            return Err(RedisConnectError::TooOld { version: version.clone() });
        }
        if self.replica {
            return Err(RedisConnectError::Replica { address: address.to_owned() });
        }
        match &self.policy {
            Some(policy) if policy != "noeviction" && !allow_eviction => {
                return Err(RedisConnectError::Evicts { policy: policy.clone() });
            }
            Some(policy) if policy != "noeviction" => {
                tracing::warn!(policy, "Redis evicts entries when its memory is full: requests may run twice");
            }
            Some(_) => {}
            None if allow_eviction => {}
            None => tracing::warn!(
                "cannot read Redis' maxmemory-policy: make sure that it is noeviction, or requests may run twice"
            ),
        }
        if self.version.is_none() {
            tracing::warn!("cannot read Redis' version: make sure that it is Redis 7.0 or Valkey 7.2, or a later one");
        }
        Ok(())
    }
}

/// Major and minor number decide; what cannot be read is given the benefit of the doubt.
fn is_too_old(version: &str) -> bool {
    let mut numbers = version.split('.').map_while(|number| number.parse::<u64>().ok());
    numbers.next().is_some_and(|major| (major, numbers.next().unwrap_or(0)) < OLDEST)
}

/// What the server answers, unless it forbids the question.
async fn answer(link: &Link, words: &[&str]) -> Result<Option<Reply>, Fault> {
    let mut command = ::redis::cmd(words[0]);
    command.arg(&words[1..]);
    let [reply, _] = link.ask(&Request::One(command), Manner::default()).await?.values;
    match fault::of_reply(&reply) {
        Some(fault) if is_forbidden(&fault) => Ok(None),
        Some(fault) => Err(fault),
        None => Ok(Some(reply)),
    }
}

fn is_forbidden(fault: &Fault) -> bool {
    // A proxy or a hosted server answers a command that it does not let through with a plain `ERR`.
    matches!(fault, Fault::Redis(error) if matches!(error.kind(), ErrorKind::Server(kind)
        if kind == ServerErrorKind::NoPerm || kind == ServerErrorKind::ResponseError))
}

/// The value in `CONFIG GET`'s reply: a list of names and values, or a map.
fn setting(reply: Reply) -> Option<String> {
    let value = match reply {
        Reply::Array(mut list) if list.len() == 2 => list.pop()?,
        Reply::Map(mut map) => map.pop()?.1,
        _ => return None,
    };
    ::redis::from_redis_value(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(info: &str) -> Result<(), RedisConnectError> {
        Server::read(info).check("localhost:6379", false)
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        for version in ["6.2.14", "2.8.24", "5", "6"] {
            assert!(is_too_old(version), "{version}");
        }
        for version in ["7.0.0", "7.0.15", "7.2.4", "8.10.1", "10.0", "7", "255.255.255", "unknown", ""] {
            assert!(!is_too_old(version), "{version}");
        }
    }

    #[test]
    fn i47_only_a_server_that_keeps_everything_is_taken() {
        assert!(says("redis_version:7.0.15\r\nrole:master\r\nmaxmemory_policy:noeviction\r\n").is_ok());
        for policy in ["allkeys-lru", "volatile-ttl", "volatile-lru", "allkeys-random", "something-new"] {
            let info = format!("# Memory\r\nmaxmemory_policy:{policy}\r\n");
            let message = says(&info).unwrap_err().to_string();
            assert!(message.contains(policy) && message.contains("noeviction"), "{message}");
            assert!(Server::read(&info).check("localhost:6379", true).is_ok());
        }
    }

    #[test]
    fn i48_a_replica_is_refused() {
        assert!(matches!(says("role:slave\r\n"), Err(RedisConnectError::Replica { .. })));
    }

    #[test]
    fn what_is_not_said_is_not_held_against_it() {
        assert!(says("").is_ok());
        assert!(says("no colon\r\n:\r\n").is_ok());
    }

    #[test]
    fn the_reply_of_both_protocols_is_read() {
        let text = |text: &str| Reply::BulkString(text.into());
        let pair = (text("maxmemory-policy"), text("noeviction"));
        let noeviction = Some("noeviction".to_owned());
        assert_eq!(setting(Reply::Array(vec![pair.0.clone(), pair.1.clone()])), noeviction);
        assert_eq!(setting(Reply::Map(vec![pair])), noeviction);
        assert_eq!(setting(Reply::Array(vec![])), None);
        assert_eq!(setting(Reply::Nil), None);
    }
}
