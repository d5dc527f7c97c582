use std::fmt;
use std::time::Duration;

use ::redis::io::tcp::TcpSettings;
use ::redis::{ConnectionInfo, ErrorKind, IntoConnectionInfo, RedisError};

use super::RedisStore;
use super::error::RedisConnectError;
use super::fault;
use super::link::Link;
use super::startup::Server;

/// How long the server may leave what was sent to it unconfirmed before the connection is given up, so that a server that
/// vanished without a word is left after seconds, and not after the quarter of an hour that is usual.
#[cfg(target_os = "linux")]
const UNCONFIRMED: Duration = Duration::from_secs(5);

/// Settings of a [`RedisStore`], made with [`RedisStore::builder`].
#[derive(Clone)]
#[must_use]
pub struct RedisStoreBuilder {
    url: String,
    prefix: String,
    allow_eviction: bool,
    response_timeout: Duration,
}

impl RedisStoreBuilder {
    pub(super) fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            prefix: "idem:".to_owned(),
            allow_eviction: false,
            response_timeout: Duration::from_millis(300),
        }
    }

    /// What the name of every key begins with. `idem:` unless said otherwise; 64 hexadecimal digits follow.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Connects also to a server that throws entries away when its memory is full.
    ///
    /// Such a server forgets claims that are held: **a request may then run twice.** Not allowed unless said otherwise.
    pub fn allow_eviction(mut self, allow: bool) -> Self {
        self.allow_eviction = allow;
        self
    }

    /// How long the server may take to answer one command, or to accept a connection. 300 ms unless said otherwise.
    ///
    /// Short, because a request waits meanwhile, and a command that failed can be tried again.
    pub fn response_timeout(mut self, timeout: Duration) -> Self {
        self.response_timeout = timeout;
        self
    }

    /// Connects, and looks at whether the server will do: its version, its role, and that it does not evict. What the
    /// server will not say is logged as a warning.
    ///
    /// Takes at most ten times the [response timeout](Self::response_timeout). A connection that is lost later is made
    /// again by itself.
    ///
    /// # Errors
    /// [`RedisConnectError`], when the URL cannot be used, when the server cannot be reached or refuses the password, or when
    /// it will not do.
    pub async fn connect(self) -> Result<RedisStore, RedisConnectError> {
        let within = self.response_timeout.saturating_mul(10);
        let info = connection_info(&self.url)?;
        let address = info.addr().to_string();
        let late = || RedisConnectError::TimedOut { address: address.clone(), within };
        let (link, server) =
            tokio::time::timeout(within, self.open(info)).await.map_err(|_| late())?.map_err(|error| {
                match error.is_timeout() {
                    true => late(),
                    false => connect_error(&error, address.clone()),
                }
            })?;
        server.check(&address, self.allow_eviction)?;
        Ok(RedisStore::new(link, address, self.prefix, self.response_timeout))
    }

    async fn open(&self, info: ConnectionInfo) -> Result<(Link, Server), RedisError> {
        let link = Link::open(info, self.response_timeout).await?;
        let server = Server::ask(&mut link.manager()).await?;
        Ok((link, server))
    }
}

impl fmt::Debug for RedisStoreBuilder {
    // Without the URL, which may carry a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStoreBuilder")
            .field("prefix", &self.prefix)
            .field("allow_eviction", &self.allow_eviction)
            .field("response_timeout", &self.response_timeout)
            .finish_non_exhaustive()
    }
}

fn connection_info(url: &str) -> Result<ConnectionInfo, RedisConnectError> {
    let unusable = |reason: &str| RedisConnectError::Url { reason: reason.to_owned() };
    let info = url.into_connection_info().map_err(|error| match url.split_once("://") {
        Some(("rediss" | "valkeys", _)) if error.to_string().contains("TLS") => unusable("TLS is not built in"),
        Some(("redis" | "rediss" | "valkey" | "valkeys" | "unix" | "redis+unix" | "valkey+unix", _)) => {
            unusable("it should read redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]")
        }
        _ => unusable("it should begin with redis://"),
    })?;
    let settings = TcpSettings::default().set_nodelay(true);
    #[cfg(target_os = "linux")]
    let settings = settings.set_user_timeout(UNCONFIRMED);
    Ok(info.set_tcp_settings(settings))
}

fn connect_error(error: &RedisError, address: String) -> RedisConnectError {
    match (error.kind(), error.code()) {
        (ErrorKind::AuthenticationFailed, _) | (_, Some("NOAUTH" | "WRONGPASS")) => {
            RedisConnectError::Authentication { address }
        }
        (ErrorKind::RESP3NotSupported, _) => RedisConnectError::TooOld { version: "before 6.0".to_owned() },
        (_, Some(code)) => RedisConnectError::Refused { address, code: code.to_owned() },
        _ => RedisConnectError::Unreachable { address, source: fault::io_error(error) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b40_no_error_about_a_url_shows_it() {
        for url in [
            "redis://user:canary@host:notaport",
            "redis://:canary@host/not-a-number",
            "postgres://:canary@host",
            "canary",
            "",
            "rediss://:canary@host",
            "redis://:canary@",
        ] {
            let error = connection_info(url).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("canary"), "{url}: {shown}");
        }
        let shown = format!("{:?}", RedisStoreBuilder::new("redis://:canary@host"));
        assert!(!shown.contains("canary"), "{shown}");
    }

    #[test]
    fn a_url_of_another_kind_is_told_apart() {
        let reason = |url: &str| connection_info(url).unwrap_err().to_string();
        assert!(reason("http://host").contains("begin with redis://"));
        assert!(reason("redis://host:port").contains("HOST"));
        assert!(reason("rediss://host").contains("TLS"));
        assert!(connection_info("redis://localhost").is_ok());
        assert!(connection_info("redis+unix:///run/redis.sock").is_ok());
    }
}
