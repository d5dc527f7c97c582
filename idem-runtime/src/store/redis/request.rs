//! What is sent in one go, and what comes back.

use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{Cmd, Pipeline, RedisError, Value as Reply};

/// One command or two, all on one key.
pub(super) enum Request {
    One(Cmd),
    Two(Pipeline),
}

/// How many replicas have to have what was written, and how long that may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wait {
    pub(super) replicas: usize,
    pub(super) timeout: Duration,
}

/// How a request is sent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Manner {
    /// To a node to which the key has moved, but not yet its slot.
    pub(super) asking: bool,
    /// And the replicas are waited for, on a connection of its own.
    pub(super) wait: Option<Wait>,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Replies {
    /// In the order of the commands; each may be an error. The second is nil if there was one command only.
    pub(super) values: [Reply; 2],
    /// How many replicas have it; an error, if that could not be found out.
    pub(super) confirmed: Reply,
    /// It was sent before, and the connection lost: that may have had its effect already.
    pub(super) sent_before: bool,
}

impl Replies {
    /// Whether none of them is an error.
    pub(super) fn are_plain(&self) -> bool {
        let [first, second] = &self.values;
        ![first, second, &self.confirmed].into_iter().any(|reply| matches!(reply, Reply::ServerError(_)))
    }
}

impl Request {
    pub(super) fn two(first: Cmd, second: Cmd) -> Self {
        let mut pipeline = Pipeline::with_capacity(2);
        pipeline.add_command(first).add_command(second);
        Self::Two(pipeline)
    }

    /// # Errors
    /// Only when nothing came back.
    pub(super) async fn send(
        &self,
        connection: &mut MultiplexedConnection,
        manner: Manner,
    ) -> Result<Replies, RedisError> {
        let (values, confirmed) = match (self, manner) {
            (Self::One(command), Manner { asking: false, wait: None }) => {
                ([connection.send_packed_command(command).await?, Reply::Nil], Reply::Nil)
            }
            (Self::Two(pipeline), Manner { asking: false, wait: None }) => {
                let mut replies = connection.send_packed_commands(pipeline, 0, 2).await?.into_iter();
                ([next(&mut replies), next(&mut replies)], Reply::Nil)
            }
            _ => Box::pin(self.send_in(connection, manner)).await?,
        };
        Ok(Replies { values, confirmed, sent_before: false })
    }

    async fn send_in(
        &self,
        connection: &mut MultiplexedConnection,
        manner: Manner,
    ) -> Result<([Reply; 2], Reply), RedisError> {
        let (pipeline, commands) = self.pipeline(manner);
        let mut replies = connection.send_packed_commands(&pipeline, 0, pipeline.len()).await?.into_iter();
        let mut values = [Reply::Nil, Reply::Nil];
        for value in values.iter_mut().take(commands) {
            if manner.asking {
                // If this was refused, so is the command.
                next(&mut replies);
            }
            *value = next(&mut replies);
        }
        Ok((values, next(&mut replies)))
    }

    fn pipeline(&self, manner: Manner) -> (Pipeline, usize) {
        let mut pipeline = Pipeline::new();
        let mut add = |command: &Cmd| {
            if manner.asking {
                // For each command anew: the leave is good for one.
                pipeline.cmd("ASKING");
            }
            pipeline.add_command(command.clone());
        };
        let commands = match self {
            Self::One(command) => {
                add(command);
                1
            }
            Self::Two(both) => {
                both.cmd_iter().for_each(add);
                2
            }
        };
        if let Some(wait) = manner.wait {
            // A timeout of zero would be none at all.
            let millis = u64::try_from(wait.timeout.as_millis()).unwrap_or(u64::MAX).max(1);
            pipeline.cmd("WAIT").arg(wait.replicas).arg(millis);
        }
        (pipeline, commands)
    }
}

fn next(replies: &mut impl Iterator<Item = Reply>) -> Reply {
    replies.next().unwrap_or(Reply::Nil)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(request: &Request, manner: Manner) -> String {
        let packed = request.pipeline(manner).0.get_packed_pipeline();
        let text = String::from_utf8(packed).unwrap();
        let words = text.split("\r\n").filter(|word| !word.starts_with(['*', '$']) && !word.is_empty());
        words.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn i49_i50_every_command_has_its_own_leave_and_the_wait_comes_last() {
        let command = |name: &str| {
            let mut command = ::redis::cmd(name);
            command.arg("k");
            command
        };
        let wait = Some(Wait { replicas: 1, timeout: Duration::from_millis(50) });
        let one = Request::One(command("GET"));
        let two = Request::two(command("PTTL"), command("GET"));
        assert_eq!(words(&one, Manner { asking: true, wait: None }), "ASKING GET k");
        assert_eq!(words(&two, Manner { asking: true, wait: None }), "ASKING PTTL k ASKING GET k");
        assert_eq!(words(&two, Manner { asking: false, wait }), "PTTL k GET k WAIT 1 50");
        assert_eq!(words(&one, Manner { asking: true, wait }), "ASKING GET k WAIT 1 50");
    }
}
