//! Lua, where Redis has no command that compares and sets in one step.

use std::sync::LazyLock;

use ::redis::aio::ConnectionManager;
use ::redis::{Cmd, ErrorKind, RedisError, ServerErrorKind, ToRedisArgs, Value as Reply};

/// A script, known to the server by its digest.
pub(super) struct Script {
    code: &'static str,
    digest: String,
}

macro_rules! script {
    ($name:ident, $file:literal) => {
        pub(super) static $name: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!($file)));
    };
}

script!(COMPLETE, "lua/complete.lua");
script!(RELEASE, "lua/release.lua");
script!(RENEW, "lua/renew.lua");
script!(SETTLE, "lua/settle.lua");
script!(TAKE_OVER, "lua/take_over.lua");

impl Script {
    fn new(code: &'static str) -> Self {
        Self { code, digest: ::redis::Script::new(code).get_hash().to_owned() }
    }

    /// Runs it on one key.
    ///
    /// By its digest; a server that does not know it (restarted, failed over, flushed) is sent the code, which it runs
    /// and remembers at once: one more round trip, where loading it first would make two.
    pub(super) async fn run(
        &self,
        connection: &mut ConnectionManager,
        key: &str,
        arguments: &impl ToRedisArgs,
    ) -> Result<Reply, RedisError> {
        let known = self.command("EVALSHA", &self.digest, key, arguments).query_async(connection).await;
        match known {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                self.command("EVAL", self.code, key, arguments).query_async(connection).await
            }
            answer => answer,
        }
    }

    fn command(&self, name: &str, script: &str, key: &str, arguments: &impl ToRedisArgs) -> Cmd {
        let mut command = ::redis::cmd(name);
        command.arg(script).arg(1).arg(key).arg(arguments);
        command
    }
}
