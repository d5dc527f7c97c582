//! What a URL names: one server, the sentinels that know one, or a cluster.

use std::fmt;
use std::path::PathBuf;

use ::redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo};

use super::error::RedisConnectError;

/// The port at which sentinels listen unless told otherwise.
const SENTINEL_PORT: &str = "26379";

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Place {
    Tcp { host: String, port: u16 },
    Unix(PathBuf),
}

/// What kind of thing is reached at the places of a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Server,
    Sentinels { service: String },
    Cluster,
}

/// A URL, read.
pub(super) struct Target {
    pub(super) kind: Kind,
    pub(super) tls: bool,
    pub(super) places: Vec<Place>,
    /// User name, password, database and protocol.
    pub(super) settings: RedisConnectionInfo,
}

impl Target {
    /// # Errors
    /// [`RedisConnectError::Url`], which never shows the URL.
    pub(super) fn read(url: &str) -> Result<Self, RedisConnectError> {
        let (scheme, rest) = url.split_once("://").unwrap_or_default();
        let (base, form) = match scheme.split_once('+') {
            Some((base @ ("redis" | "rediss" | "valkey" | "valkeys"), "sentinel")) => (base, Form::Sentinels),
            Some((base @ ("redis" | "rediss" | "valkey" | "valkeys"), "cluster")) => (base, Form::Cluster),
            Some(("redis" | "valkey", "unix")) => ("unix", Form::Unix),
            None if scheme == "unix" => ("unix", Form::Unix),
            None if matches!(scheme, "redis" | "rediss" | "valkey" | "valkeys") => (scheme, Form::Server),
            _ => return Err(unusable("it should begin with redis://, redis+sentinel:// or redis+cluster://")),
        };
        if rest.contains('#') {
            return Err(unusable("it has a fragment (#): trust another authority with tls_root_certificate instead"));
        }
        let tls = matches!(base, "rediss" | "valkeys");
        match form {
            Form::Unix => Self::gather(Kind::Server, tls, [url.to_owned()].into_iter(), form),
            Form::Server => Self::gather(Kind::Server, tls, [format!("redis://{rest}")].into_iter(), form),
            Form::Sentinels => Self::of_sentinels(tls, rest),
            Form::Cluster => {
                let parts = Parts::of(rest);
                match parts.path.trim_matches('/') {
                    "" | "0" => Self::gather(Kind::Cluster, tls, parts.urls("", None), form),
                    _ => Err(unusable("a cluster has no databases: nothing may follow the hosts")),
                }
            }
        }
    }

    fn of_sentinels(tls: bool, rest: &str) -> Result<Self, RedisConnectError> {
        let parts = Parts::of(rest);
        let path = parts.path.trim_matches('/');
        let (service, database) = path.split_once('/').unwrap_or((path, ""));
        if service.is_empty() {
            return Err(form_of(Form::Sentinels));
        }
        let kind = Kind::Sentinels { service: service.to_owned() };
        Self::gather(kind, tls, parts.urls(database, Some(SENTINEL_PORT)), Form::Sentinels)
    }

    /// One URL for each place, of the form that the client reads.
    fn gather(
        kind: Kind,
        tls: bool,
        urls: impl Iterator<Item = String>,
        form: Form,
    ) -> Result<Self, RedisConnectError> {
        let read = |url: String| url.into_connection_info().map_err(|_| form_of(form));
        let infos = urls.map(read).collect::<Result<Vec<ConnectionInfo>, _>>()?;
        let settings = infos.first().ok_or_else(|| form_of(form))?.redis_settings().clone();
        let places = infos.iter().map(|info| Place::of(info.addr()).ok_or_else(|| form_of(form)));
        // What the client says of itself, it says in commands that not every user may send.
        let settings = settings.set_skip_set_lib_name();
        Ok(Self { kind, tls, places: places.collect::<Result<_, _>>()?, settings })
    }

    /// The places, for errors.
    pub(super) fn address(&self) -> String {
        self.places.iter().map(Place::to_string).collect::<Vec<_>>().join(",")
    }
}

impl Place {
    fn of(address: &ConnectionAddr) -> Option<Self> {
        match address {
            ConnectionAddr::Tcp(host, port) => Some(Self::Tcp { host: host.clone(), port: *port }),
            ConnectionAddr::Unix(path) => Some(Self::Unix(path.clone())),
            _ => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

#[derive(Clone, Copy)]
enum Form {
    Server,
    Unix,
    Sentinels,
    Cluster,
}

fn unusable(reason: &str) -> RedisConnectError {
    RedisConnectError::Url { reason: reason.to_owned() }
}

fn form_of(form: Form) -> RedisConnectError {
    unusable(match form {
        Form::Server => "it should read redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]",
        Form::Unix => "it should read redis+unix:///PATH",
        Form::Sentinels => {
            "it should read redis+sentinel://[USER:PASSWORD@]HOST[:PORT][,HOST[:PORT]..]/SERVICE[/DATABASE]"
        }
        Form::Cluster => "it should read redis+cluster://[USER:PASSWORD@]HOST[:PORT][,HOST[:PORT]..]",
    })
}

/// What follows the scheme of a URL with several hosts.
struct Parts<'a> {
    /// With its `@`, if there is one.
    user: &'a str,
    hosts: &'a str,
    path: &'a str,
    /// With its `?`, if there is one.
    query: &'a str,
}

impl<'a> Parts<'a> {
    fn of(rest: &'a str) -> Self {
        let (rest, query) = rest.split_at(rest.find('?').unwrap_or(rest.len()));
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (user, hosts) = authority.split_at(authority.rfind('@').map_or(0, |at| at + 1));
        Self { user, hosts, path, query }
    }

    fn urls(&self, database: &str, default_port: Option<&str>) -> impl Iterator<Item = String> {
        let Self { user, hosts, query, .. } = *self;
        hosts.split(',').map(move |host| {
            // A colon within brackets is part of an address, and not before a port.
            let has_port = host.rsplit(']').next().is_some_and(|end| end.contains(':'));
            let port = default_port.filter(|_| !has_port).map(|port| format!(":{port}")).unwrap_or_default();
            format!("redis://{user}{host}{port}/{database}{query}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(url: &str) -> String {
        match Target::read(url) {
            Ok(_) => panic!("{url} was taken"),
            Err(error) => error.to_string(),
        }
    }

    fn places(url: &str) -> String {
        Target::read(url).unwrap().address()
    }

    #[test]
    fn b40_no_error_about_a_url_shows_it() {
        for url in [
            "redis://user:canary@host:notaport",
            "redis://:canary@host/not-a-number",
            "postgres://:canary@host",
            "canary",
            "",
            "canary://",
            "redis+canary://host",
            "rediss://:canary@host/#insecure",
            "redis://:canary@",
            "redis+sentinel://:canary@host",
            "redis+sentinel://:canary@host/",
            "redis+sentinel://:canary@/service",
            "redis+sentinel://:canary@host/service/canary",
            "redis+sentinel://:canary@host:canary/service",
            "redis+cluster://:canary@host/canary",
            "redis+cluster://:canary@host,",
            "redis+cluster://canary:canary",
        ] {
            let error = Target::read(url).err().unwrap();
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("canary"), "{url}: {shown}");
        }
    }

    #[test]
    fn a_url_of_another_kind_is_told_apart() {
        assert!(reason("http://host").contains("begin with redis://"));
        assert!(reason("redis+http://host").contains("begin with redis://"));
        assert!(reason("redis://host:port").contains("HOST"));
        assert!(reason("redis+sentinel://host").contains("SERVICE"));
        assert!(reason("redis+cluster://host/1").contains("no databases"));
    }

    #[test]
    fn one_server() {
        let target = Target::read("redis://user:p%40ss@cache:7000/2").unwrap();
        assert_eq!((target.kind.clone(), target.tls, target.address().as_str()), (Kind::Server, false, "cache:7000"));
        let settings = target.settings;
        assert_eq!((settings.username(), settings.password(), settings.db()), (Some("user"), Some("p@ss"), 2));
        assert_eq!(places("redis://localhost"), "localhost:6379");
        assert_eq!(places("rediss://[::1]:1"), "[::1]:1");
        assert_eq!(places("redis+unix:///run/redis.sock"), "/run/redis.sock");
        assert_eq!(places("unix:///run/redis.sock"), "/run/redis.sock");
        assert!(Target::read("valkeys://localhost").unwrap().tls);
    }

    #[test]
    fn sentinels() {
        let target = Target::read("rediss+sentinel://u:a%2Cb@one,two:7000,[::1],[::2]:9/shop/3").unwrap();
        assert_eq!(target.kind, Kind::Sentinels { service: "shop".to_owned() });
        assert_eq!(target.address(), "one:26379,two:7000,[::1]:26379,[::2]:9");
        assert_eq!((target.settings.password(), target.settings.db(), target.tls), (Some("a,b"), 3, true));
        assert_eq!(Target::read("redis+sentinel://one/shop").unwrap().settings.db(), 0);
    }

    #[test]
    fn clusters() {
        let target = Target::read("redis+cluster://user:secret@one:7000,two").unwrap();
        assert_eq!((target.kind.clone(), target.address().as_str()), (Kind::Cluster, "one:7000,two:6379"));
        assert_eq!(target.settings.username(), Some("user"));
        assert_eq!(places("redis+cluster://one:1/"), "one:1");
        assert!(Target::read("rediss+cluster://one").unwrap().tls);
    }
}
