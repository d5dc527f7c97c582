//! What to try.

use std::net::SocketAddr;

#[allow(clippy::print_stdout, reason = "what to try is this program's output")]
pub(crate) fn greet(address: SocketAddr, store: &str) {
    println!(
        r#"payments: listening on http://{address}, records in {store}

Watch it in a browser: http://{address}/

Pay, and send the same request again: one charge, and the retry is marked `idempotency-replayed: true`.

  curl -i http://{address}/v1/payments -H 'X-Idempotency-Key: k-1' --json '{{"order":"A-1","amount":1250}}'
  curl -i http://{address}/v1/payments -H 'X-Idempotency-Key: k-1' --json '{{"order":"A-1","amount":1250}}'

Another amount under the same key is refused (422), and so is a payment without a key (428):

  curl -i http://{address}/v1/payments -H 'X-Idempotency-Key: k-1' --json '{{"order":"A-1","amount":9999}}'
  curl -i http://{address}/v1/payments --json '{{"order":"A-1","amount":1250}}'

Hang up in the middle, and retry: the charge was carried on to its end, and is not made again.

  curl -m 0.1 http://{address}/v1/payments -H 'X-Idempotency-Key: k-2' --json '{{"order":"A-2","amount":700}}'
  curl -i --retry 5 --retry-all-errors --fail-with-body http://{address}/v1/payments -H 'X-Idempotency-Key: k-2' --json '{{"order":"A-2","amount":700}}'

With an optional key, and ten retries at once:

  seq 10 | xargs -P 10 -I '{{}}' curl -s -w '\n' http://{address}/pay -H 'Idempotency-Key: k-3' --json '{{"orderId":7}}'

Stop this program, even with `kill -9`, start it again, and retry: the answer is still there, unless it was kept in memory.

What was really charged, and what happened to the requests:

  curl http://{address}/v1/payments
  curl http://{address}/v1/counts

Whether requests had better be sent here, for a load balancer: 503 while the store is down, and when the program stops.

  curl -i http://{address}/ready
"#
    );
}
