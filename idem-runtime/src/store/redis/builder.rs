use std::fmt;
use std::time::Duration;

use parking_lot::Mutex;

use super::RedisStore;
use super::cluster::Cluster;
use super::dial::Dialer;
use super::error::RedisConnectError;
use super::fault::Fault;
use super::link::Link;
use super::native::Native;
use super::request::Wait;
use super::startup::Server;
use super::tls::Tls;
use super::topology::Topology;
use super::url::{Kind, Target};
use super::way::{Sentinels, Way};

/// Settings of a [`RedisStore`], made with [`RedisStore::builder`].
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use idem_runtime::store::{RedisConnectError, RedisStore};
///
/// # async fn example() -> Result<RedisStore, RedisConnectError> {
/// let builder = RedisStore::builder("redis://:secret@cache:6379/2").prefix("shop:idem:");
/// builder.response_timeout(Duration::from_millis(200)).connect().await
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct RedisStoreBuilder {
    url: String,
    prefix: String,
    allow_eviction: bool,
    response_timeout: Duration,
    tls: Option<Tls>,
    sentinel_user: Option<(Option<String>, String)>,
    wait: Option<Wait>,
}

impl RedisStoreBuilder {
    pub(super) fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            prefix: "idem:".to_owned(),
            allow_eviction: false,
            response_timeout: Duration::from_millis(300),
            tls: None,
            sentinel_user: None,
            wait: None,
        }
    }

    /// What the name of every key begins with. `idem:` unless said otherwise; 64 hexadecimal digits follow.
    ///
    /// In a cluster, a prefix with braces in it puts all keys on one node.
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::store::RedisStore;
    ///
    /// let builder = RedisStore::builder("redis://cache").prefix("shop:idem:");
    /// ```
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Connects also to a server that throws entries away when its memory is full.
    ///
    /// Such a server forgets claims that are held: **a request may then run twice.** Not allowed unless said otherwise.
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::store::RedisStore;
    ///
    /// // For a demonstration, on a cache that has no room to spare.
    /// let builder = RedisStore::builder("redis://cache").allow_eviction(true);
    /// ```
    pub fn allow_eviction(mut self, allow: bool) -> Self {
        self.allow_eviction = allow;
        self
    }

    /// How long the server may take to answer one command, or to accept a connection. 300 ms unless said otherwise.
    ///
    /// Short, because a request waits meanwhile, and a command that failed can be tried again. A command that meets a lost
    /// connection, a redirection or a failover is sent again for at most twice as long.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use idem_runtime::store::RedisStore;
    ///
    /// let builder = RedisStore::builder("redis://far-away").response_timeout(Duration::from_millis(450));
    /// ```
    pub fn response_timeout(mut self, timeout: Duration) -> Self {
        self.response_timeout = timeout;
        self
    }

    /// Trusts servers whose certificate was issued by this authority (PEM, one certificate or several), and no others.
    /// Those that the system trusts, unless said otherwise. For `rediss://` URLs.
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::store::RedisStore;
    ///
    /// # fn example() -> std::io::Result<()> {
    /// let authority = std::fs::read("/etc/shop/authority.pem")?;
    /// let builder = RedisStore::builder("rediss://cache").tls_root_certificate(authority);
    /// # Ok(())
    /// # }
    /// ```
    pub fn tls_root_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.tls.get_or_insert_default().root_certificate = Some(pem.into());
        self
    }

    /// Shows this certificate (PEM, its chain after it) to the servers, and proves it with its key (PEM). For `rediss://`
    /// URLs.
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::store::RedisStore;
    ///
    /// # fn example() -> std::io::Result<()> {
    /// let (chain, key) = (std::fs::read("/etc/shop/shop.pem")?, std::fs::read("/etc/shop/shop.key")?);
    /// let builder = RedisStore::builder("rediss://cache").tls_client_certificate(chain, key);
    /// # Ok(())
    /// # }
    /// ```
    pub fn tls_client_certificate(mut self, chain: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.tls.get_or_insert_default().client = Some((chain.into(), key.into()));
        self
    }

    /// What the *sentinels* want to know, if they want a password: they do not have to know the users of the servers. The
    /// user name and password in the URL are for the servers alone.
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::store::RedisStore;
    ///
    /// let builder =
    ///     RedisStore::builder("redis+sentinel://:secret@one,two,three/shop").sentinel_credentials(None, "another secret");
    /// ```
    pub fn sentinel_credentials(mut self, user: Option<&str>, password: impl Into<String>) -> Self {
        self.sentinel_user = Some((user.map(str::to_owned), password.into()));
        self
    }

    /// Has every claim, renewal and record confirmed by `replicas` replicas, and waits `timeout` for them. Off unless said
    /// otherwise.
    ///
    /// Replication is asynchronous: without this, a failover loses what the new primary had not received yet, and a
    /// request whose claim or record was lost runs again. With it, a claim that too few replicas confirm in time is not
    /// acted on (the request is refused, and its handler does not run), and a record is not answered before it is
    /// confirmed. What remains: of several replicas, one that confirmed nothing may be promoted. Ask for all of them to
    /// exclude that.
    ///
    /// It costs a round trip to the replicas per operation, and the store's connections: an operation that waits has one to
    /// itself, 32 for each server. Together with the [response timeout](Self::response_timeout), `timeout` should stay below
    /// what the engine grants a store call (a second, unless said otherwise).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use idem_runtime::store::RedisStore;
    ///
    /// let builder =
    ///     RedisStore::builder("redis+sentinel://one,two,three/shop").wait_replicas(2, Duration::from_millis(200));
    /// ```
    pub fn wait_replicas(mut self, replicas: usize, timeout: Duration) -> Self {
        self.wait = (replicas > 0).then_some(Wait { replicas, timeout });
        self
    }

    /// Connects, and looks at whether the servers will do: their version, their role, and that they do not evict; in a
    /// cluster, at every primary. What a server will not say is logged as a warning.
    ///
    /// Takes at most ten times the [response timeout](Self::response_timeout). A connection that is lost later is made
    /// again by itself; sentinels are asked again for the primary each time.
    ///
    /// # Errors
    /// [`RedisConnectError`], when the URL cannot be used, when a server cannot be reached or refuses the password, or when
    /// it will not do.
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::store::{RedisConnectError, RedisStore};
    ///
    /// # async fn example() -> Result<RedisStore, RedisConnectError> {
    /// RedisStore::builder("redis://:secret@cache:6379/2").connect().await
    /// # }
    /// ```
    pub async fn connect(self) -> Result<RedisStore, RedisConnectError> {
        let target = Target::read(&self.url)?;
        let (address, within) = (target.address(), self.response_timeout.saturating_mul(10));
        let tls = self.tls_for(&target)?;
        let opened = async {
            let topology = self
                .open(target, tls)
                .await
                .map_err(|fault| fault.into_connect_error(address.clone(), self.response_timeout))?;
            self.check(&topology, &address).await?;
            let native = Native::probe(&topology, &self.prefix, self.response_timeout).await;
            Ok((topology, native))
        };
        let late = || RedisConnectError::TimedOut { address: address.clone(), within };
        let (topology, native) = tokio::time::timeout(within, opened).await.map_err(|_| late())??;
        let once = self.response_timeout.saturating_add(self.wait.map(|wait| wait.timeout).unwrap_or_default());
        let patience = self.response_timeout.saturating_add(once);
        Ok(RedisStore::new(super::Inner {
            topology,
            native,
            address,
            prefix: self.prefix,
            response_timeout: self.response_timeout,
            patience,
            longest: patience.saturating_add(once),
            wait: self.wait,
        }))
    }

    fn tls_for(&self, target: &Target) -> Result<Option<Tls>, RedisConnectError> {
        if !target.tls {
            let reason = "a certificate was given, but the URL is not one of rediss://".to_owned();
            return self.tls.is_none().then_some(None).ok_or(RedisConnectError::Tls { reason });
        }
        let tls = self.tls.clone().unwrap_or_default();
        tls.check()?;
        Ok(Some(tls))
    }

    async fn open(&self, target: Target, tls: Option<Tls>) -> Result<Topology, Fault> {
        let timeout = self.response_timeout;
        let Target { kind, places, settings, .. } = target;
        let dialer = Dialer { settings, tls, timeout };
        let way = match (kind, places.first()) {
            (Kind::Cluster, _) => return Cluster::open(dialer, places).await.map(Topology::Cluster),
            (Kind::Server, Some(place)) => Way::Server { dialer, place: place.clone() },
            (Kind::Sentinels { service }, _) => Way::Sentinels(Sentinels {
                service,
                sentinels: self.sentinel_dialer(&dialer),
                servers: dialer,
                places: Mutex::new(places),
            }),
            (Kind::Server, None) => return Err(Fault::Unserved),
        };
        Link::open(way, timeout).await.map(Topology::Single)
    }

    fn sentinel_dialer(&self, servers: &Dialer) -> Dialer {
        let mut settings =
            ::redis::RedisConnectionInfo::default().set_protocol(servers.settings.protocol()).set_skip_set_lib_name();
        if let Some((user, password)) = &self.sentinel_user {
            settings = settings.set_password(password);
            if let Some(user) = user {
                settings = settings.set_username(user);
            }
        }
        Dialer { settings, ..servers.clone() }
    }

    async fn check(&self, topology: &Topology, address: &str) -> Result<(), RedisConnectError> {
        let servers = match topology {
            Topology::Single(link) => vec![(address.to_owned(), link.clone())],
            Topology::Cluster(cluster) => {
                cluster.primaries().into_iter().map(|(place, link)| (place.to_string(), link)).collect()
            }
        };
        for (address, link) in servers {
            let server = Server::ask(&link).await;
            let server = server.map_err(|fault| fault.into_connect_error(address.clone(), self.response_timeout))?;
            server.check(&address, self.allow_eviction)?;
        }
        Ok(())
    }
}

impl fmt::Debug for RedisStoreBuilder {
    // Without the URL, which may carry a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStoreBuilder")
            .field("prefix", &self.prefix)
            .field("allow_eviction", &self.allow_eviction)
            .field("response_timeout", &self.response_timeout)
            .field("wait", &self.wait)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b40_no_secret_is_shown() {
        let builder = RedisStore::builder("redis://:canary@host")
            .sentinel_credentials(Some("canary"), "canary")
            .tls_root_certificate("canary")
            .tls_client_certificate("canary", "canary");
        let shown = format!("{builder:?}");
        assert!(!shown.contains("canary"), "{shown}");
    }

    #[tokio::test]
    async fn a_certificate_for_nothing_is_refused() {
        let error = RedisStore::builder("redis://localhost").tls_root_certificate("x").connect().await.unwrap_err();
        assert!(error.to_string().contains("rediss://"), "{error}");
        let error = RedisStore::builder("rediss://localhost").tls_root_certificate("x").connect().await.unwrap_err();
        let remedy = if cfg!(feature = "redis-tls") { "PEM" } else { "redis-tls" };
        assert!(error.to_string().contains(remedy), "{error}");
    }
}
