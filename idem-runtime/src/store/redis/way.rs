//! The way to a server: straight to where it is, or by asking sentinels which one it is.

use ::redis::Value as Reply;
use ::redis::aio::MultiplexedConnection;
use parking_lot::Mutex;

use super::dial::Dialer;
use super::fault::Fault;
use super::hello::Hello;
use super::request::{Manner, Request};
use super::url::Place;

pub(super) enum Way {
    /// One server by itself, which has to be a primary each time.
    Server { dialer: Dialer, place: Place },
    /// A node of a cluster, which says by itself what it does not serve.
    Node { dialer: Dialer, place: Place },
    /// The primary of a service, as the sentinels know it.
    Sentinels(Sentinels),
}

impl Way {
    pub(super) async fn connect(&self) -> Result<MultiplexedConnection, Fault> {
        match self {
            // A server behind a proxy may not say what it is.
            Self::Node { dialer, place } => {
                let mut connection = dialer.dial(place).await?;
                Hello::ask(&mut connection, dialer.timeout).await?.map_or(Ok(()), |hello| hello.is_a_node())?;
                Ok(connection)
            }
            Self::Server { dialer, place } => {
                let mut connection = dialer.dial(place).await?;
                Hello::ask(&mut connection, dialer.timeout).await?.map_or(Ok(()), |hello| hello.is_a_server())?;
                Ok(connection)
            }
            Self::Sentinels(sentinels) => sentinels.connect().await,
        }
    }
}

/// The sentinels that watch a service. The one that helped last is asked first.
pub(super) struct Sentinels {
    pub(super) service: String,
    /// To sentinels.
    pub(super) sentinels: Dialer,
    /// To the servers that they name.
    pub(super) servers: Dialer,
    pub(super) places: Mutex<Vec<Place>>,
}

impl Sentinels {
    /// A connection to the server that is the primary, by what the sentinels say and by what it says itself.
    async fn connect(&self) -> Result<MultiplexedConnection, Fault> {
        let places = self.places.lock().clone();
        let mut last = Fault::UnknownService;
        for place in places {
            match self.connect_by(&place).await {
                Ok(connection) => {
                    self.places.lock().sort_by_key(|other| *other != place);
                    return Ok(connection);
                }
                // What one sentinel cannot reach, or does not know yet, another one might.
                Err(fault) => last = worse(last, fault),
            }
        }
        Err(last)
    }

    async fn connect_by(&self, sentinel: &Place) -> Result<MultiplexedConnection, Fault> {
        let primary = self.resolve(sentinel).await?;
        let mut connection = self.servers.dial(&primary).await?;
        match Hello::ask(&mut connection, self.servers.timeout).await? {
            Some(hello) => hello.is_a_server().map(|()| connection),
            None => Err(Fault::Misplaced("does not say whether it is a primary (HELLO)")),
        }
    }

    async fn resolve(&self, sentinel: &Place) -> Result<Place, Fault> {
        let mut connection = self.sentinels.dial(sentinel).await?;
        if let Some(hello) = Hello::ask(&mut connection, self.sentinels.timeout).await? {
            hello.is_a_sentinel()?;
        }
        let mut command = ::redis::cmd("SENTINEL");
        command.arg("GET-MASTER-ADDR-BY-NAME").arg(&self.service);
        let request = Request::One(command);
        let asked = request.send(&mut connection, Manner::default());
        let asked = tokio::time::timeout(self.sentinels.timeout, asked).await.map_err(|_| Fault::TimedOut)??;
        let [reply, _] = asked.values;
        match reply {
            Reply::Nil => Err(Fault::UnknownService),
            Reply::ServerError(error) => Err(Fault::Redis(error.into())),
            reply => {
                let (host, port) = ::redis::from_redis_value(reply).map_err(|error| Fault::Redis(error.into()))?;
                Ok(Place::Tcp { host, port })
            }
        }
    }
}

/// Which of two faults says more about why there is no primary.
fn worse(one: Fault, other: Fault) -> Fault {
    match (&one, &other) {
        (Fault::UnknownService, _) => other,
        (_, Fault::UnknownService | Fault::TimedOut) => one,
        _ => other,
    }
}
