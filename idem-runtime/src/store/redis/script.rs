//! Lua, where Redis has no command that compares and sets in one step.

use std::sync::LazyLock;

use ::redis::{Cmd, ToRedisArgs};

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
script!(CONFIRM, "lua/confirm.lua");
script!(RELEASE, "lua/release.lua");
script!(RENEW, "lua/renew.lua");
script!(SETTLE, "lua/settle.lua");
script!(TAKE_OVER, "lua/take_over.lua");

impl Script {
    fn new(code: &'static str) -> Self {
        Self { code, digest: ::redis::Script::new(code).get_hash().to_owned() }
    }

    /// Runs it on one key, by its digest.
    pub(super) fn by_digest(&self, key: &str, arguments: &impl ToRedisArgs) -> Cmd {
        command("EVALSHA", &self.digest, key, arguments)
    }

    /// Sends the code, for a server that does not know it (restarted, failed over, flushed). It runs it and remembers it
    /// at once: one more round trip, where loading it first would make two.
    pub(super) fn by_code(&self, key: &str, arguments: &impl ToRedisArgs) -> Cmd {
        command("EVAL", self.code, key, arguments)
    }
}

fn command(name: &str, script: &str, key: &str, arguments: &impl ToRedisArgs) -> Cmd {
    let mut command = ::redis::cmd(name);
    command.arg(script).arg(1).arg(key).arg(arguments);
    command
}
