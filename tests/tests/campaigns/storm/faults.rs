//! What can happen to a store while an application uses it.

use super::{Bed, Kind};
use crate::bed::Server;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// `kill -9`, and started again on the same data.
    Killed,
    /// It answers nothing for a while.
    Stopped,
    /// Every connection is ended by the server.
    Disconnected,
    /// It can write nothing new for a while.
    OutOfMemory,
}

/// Which a storm of this kind is about.
const NO_SERVER: &str = "a file has no server";

/// Where the store is, and what is in every message to it that matters.
pub(super) fn watched(bed: &Bed) -> (u16, &'static [u8]) {
    match (&bed.server, bed.kind) {
        (Server::Redis(server), _) => (server.port(), b"idem:"),
        // In every statement but the first of its kind on a connection.
        (Server::Postgres(server), Kind::Postgres) => (server.port(), b"sqlx_s_"),
        // In its begin and in its commit.
        (Server::Postgres(server), _) => (server.port(), b"SAVEPOINT idem_writes"),
        (Server::File(_), _) => unreachable!("{NO_SERVER}"),
    }
}

impl Fault {
    /// Those that can happen to this store.
    pub(super) fn of(kind: Kind) -> Vec<Self> {
        match kind {
            Kind::Redis | Kind::RedisDressed => {
                vec![Self::Killed, Self::Stopped, Self::Disconnected, Self::OutOfMemory]
            }
            _ => vec![Self::Killed, Self::Stopped, Self::Disconnected],
        }
    }

    /// Whether clients are refused until it ends.
    pub(super) fn is_noticed(self) -> bool {
        self != Self::Disconnected
    }

    pub(super) async fn begin(self, bed: &mut Bed) {
        match (self, &mut bed.server) {
            (Self::Killed, Server::Redis(server)) => server.kill(),
            (Self::Killed, Server::Postgres(server)) => server.kill(),
            (Self::Stopped, Server::Redis(server)) => server.pause(),
            (Self::Stopped, Server::Postgres(server)) => server.pause(),
            (Self::Disconnected, Server::Redis(server)) => {
                server.command::<i64>(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).await;
            }
            (Self::Disconnected, Server::Postgres(server)) => {
                let ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'idem'";
                server.run(ended).await;
            }
            (Self::OutOfMemory, Server::Redis(server)) => {
                server.command::<()>(&["CONFIG", "SET", "maxmemory", "1"]).await;
            }
            (Self::OutOfMemory, Server::Postgres(_)) => unreachable!("it is Redis's"),
            (_, Server::File(_)) => unreachable!("{NO_SERVER}"),
        }
    }

    pub(super) async fn end(self, bed: &mut Bed) {
        match (self, &mut bed.server) {
            (Self::Killed, Server::Redis(server)) => server.restart().await,
            (Self::Killed, Server::Postgres(server)) => server.restart().await,
            (Self::Stopped, Server::Redis(server)) => server.go_on(),
            (Self::Stopped, Server::Postgres(server)) => server.go_on(),
            (Self::OutOfMemory, Server::Redis(server)) => {
                server.command::<()>(&["CONFIG", "SET", "maxmemory", "0"]).await;
            }
            (Self::OutOfMemory, Server::Postgres(_)) | (Self::Disconnected, _) => {}
            (_, Server::File(_)) => unreachable!("{NO_SERVER}"),
        }
    }
}
