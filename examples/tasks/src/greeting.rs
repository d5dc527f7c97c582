//! What to try.

use std::net::SocketAddr;

#[allow(clippy::print_stdout, reason = "what to try is this program's output")]
pub(crate) fn greet(address: SocketAddr, file: &str) {
    println!(
        r#"tasks: listening on http://{address}, tasks and records in {file}

Read a user's tasks, and add one to what you have read. `ETag` is the list's revision, `If-Match` the one you have seen:

  curl -i 'http://{address}/v1/tasks?user_id=42'
  curl -i 'http://{address}/v1/tasks?user_id=42' -H 'If-Match: "rev1"' -H 'X-Idempotency-Key: k-1' --json '{{"title":"Buy milk"}}'

Had its answer been lost, the same request again would get it (200, `idempotency-replayed: true`), although `"rev1"` is stale now:

  curl -i 'http://{address}/v1/tasks?user_id=42' -H 'If-Match: "rev1"' -H 'X-Idempotency-Key: k-1' --json '{{"title":"Buy milk"}}'

A new request with a stale revision is refused (412), and so is one without (428). The key stays free for the corrected one (201):

  curl -i 'http://{address}/v1/tasks?user_id=42' -H 'If-Match: "rev1"' -H 'X-Idempotency-Key: k-2' --json '{{"title":"Call mum"}}'
  curl -i 'http://{address}/v1/tasks?user_id=42' -H 'X-Idempotency-Key: k-2' --json '{{"title":"Call mum"}}'
  curl -i 'http://{address}/v1/tasks?user_id=42' -H 'If-Match: "rev2"' -H 'X-Idempotency-Key: k-2' --json '{{"title":"Call mum"}}'

Without a key a repeat cannot be told from a new request; a task that is there already is refused (409):

  curl -i 'http://{address}/v1/tasks?user_id=42' -H 'If-Match: "rev3"' --json '{{"title":"Buy milk"}}'

One task, and one that does not exist (404):

  curl -i 'http://{address}/v1/tasks/1'
  curl -i 'http://{address}/v1/tasks/99'

Too many requests are told when to come again (429, `Retry-After`), before any key is touched:

  curl -s -o /dev/null -w '%{{http_code}}\n' 'http://{address}/v1/tasks?user_id=[1-200]' | sort | uniq -c

Stop this program, even with `kill -9`, start it again, and retry: the answer is still there. With `--delay 4s` it says when a
task is written and not committed yet: killed then, it has made nothing, and the retry makes the one task.
"#
    );
}
