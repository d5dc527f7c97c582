// mistakes: 1
#![forbid(unsafe_code)]

use idem_runtime::idempotent;

#[idempotent(ttl = "1h", key = unsafe { body.as_bytes().get_unchecked(0) })]
async fn handler(body: String) -> String {
    body
}

fn main() {
    idem_tests::ui::route(handler);
}
