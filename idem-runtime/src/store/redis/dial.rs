//! How a connection to one server is made.

use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::io::tcp::TcpSettings;
use ::redis::{AsyncConnectionConfig, Client, ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo, RedisError};

use super::fault::Fault;
use super::tls::Tls;
use super::url::Place;

/// How long the server may leave what was sent to it unconfirmed before the connection is given up, so that a server that
/// vanished without a word is left after seconds, and not after the quarter of an hour that is usual.
#[cfg(target_os = "linux")]
const UNCONFIRMED: Duration = Duration::from_secs(5);

/// How many commands may wait to be written; with fewer, callers queue up in bursts.
const PIPELINE_BUFFER: usize = 1_024;

/// What every connection has in common, whatever its place.
#[derive(Clone)]
pub(super) struct Dialer {
    pub(super) settings: RedisConnectionInfo,
    pub(super) tls: Option<Tls>,
    /// For the connection, its greetings included.
    pub(super) timeout: Duration,
}

impl Dialer {
    /// Connects, in time or not at all.
    pub(super) async fn dial(&self, place: &Place) -> Result<MultiplexedConnection, Fault> {
        let client = self.client(place)?;
        // Answers are waited for by whoever asks, each with one clock.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None)
            .set_pipeline_buffer_size(PIPELINE_BUFFER);
        let connected = client.get_multiplexed_async_connection_with_config(&config);
        let connected = tokio::time::timeout(self.timeout, connected).await.map_err(|_| Fault::TimedOut)?;
        connected.map_err(Fault::from)
    }

    fn client(&self, place: &Place) -> Result<Client, RedisError> {
        let settings = TcpSettings::default().set_nodelay(true);
        #[cfg(target_os = "linux")]
        let settings = settings.set_user_timeout(UNCONFIRMED);
        let address = match (place, &self.tls) {
            (Place::Unix(path), _) => ConnectionAddr::Unix(path.clone()),
            (Place::Tcp { host, port }, None) => ConnectionAddr::Tcp(host.clone(), *port),
            (Place::Tcp { host, port }, Some(_)) => {
                ConnectionAddr::TcpTls { host: host.clone(), port: *port, insecure: false, tls_params: None }
            }
        };
        let info = address.into_connection_info()?;
        let info = info.set_redis_settings(self.settings.clone()).set_tcp_settings(settings);
        match &self.tls {
            Some(tls) => tls.client(info),
            None => Client::open(info),
        }
    }
}
