//! The connection that all operations share, and what makes it again.

use std::time::{Duration, Instant};

use ::redis::aio::{ConnectionManager, ConnectionManagerConfig};
use ::redis::{Client, ConnectionInfo, ErrorKind, RedisError, ServerErrorKind};
use parking_lot::Mutex;

/// Between the two attempts to connect that each command may set off.
const RETRY_DELAY: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(100));

/// How many commands may wait to be written; with fewer, callers queue up in bursts.
const PIPELINE_BUFFER: usize = 1_024;

/// One connection, shared by all, made again when it is lost.
pub(super) struct Link {
    client: Client,
    config: ConnectionManagerConfig,
    current: Mutex<Current>,
}

struct Current {
    manager: ConnectionManager,
    since: Instant,
}

impl Link {
    /// Connects. `timeout` is for one attempt, and later for each answer.
    pub(super) async fn open(info: ConnectionInfo, timeout: Duration) -> Result<Self, RedisError> {
        let client = Client::open(info)?;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(timeout))
            .set_response_timeout(Some(timeout))
            .set_number_of_retries(1)
            .set_min_delay(RETRY_DELAY.0)
            .set_max_delay(RETRY_DELAY.1)
            .set_pipeline_buffer_size(PIPELINE_BUFFER);
        let manager = ConnectionManager::new_with_config(client.clone(), config.clone()).await?;
        Ok(Self { client, config, current: Mutex::new(Current { manager, since: Instant::now() }) })
    }

    pub(super) fn manager(&self) -> ConnectionManager {
        self.current.lock().manager.clone()
    }

    /// Looks at an error, whether the connection has to be made anew.
    ///
    /// The manager does that by itself after errors of the network. But if the server refuses what it says when it
    /// connects again, a password that is just being changed, one client too many, then it keeps that answer for ever and
    /// gives it to everybody.
    pub(super) fn heed(&self, error: &RedisError) {
        if !may_be_stuck(error) {
            return;
        }
        let mut current = self.current.lock();
        // Not for each of a thousand requests that all met the same error.
        if current.since.elapsed() < RETRY_DELAY.1 {
            return;
        }
        // Connects when it is first used.
        if let Ok(manager) = ConnectionManager::new_lazy_with_config(self.client.clone(), self.config.clone()) {
            *current = Current { manager, since: Instant::now() };
        }
    }
}

/// Whether this can be an answer to connecting. Some of these can be answers to a command, too; connecting once more
/// does no harm then.
fn may_be_stuck(error: &RedisError) -> bool {
    match error.kind() {
        ErrorKind::Io => false,
        ErrorKind::Server(kind) => kind == ServerErrorKind::ResponseError,
        ErrorKind::Extension => matches!(error.code(), Some("NOAUTH" | "WRONGPASS")),
        _ => true,
    }
}
