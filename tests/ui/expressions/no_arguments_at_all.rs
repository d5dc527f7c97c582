// mistakes: 1
use idem_runtime::idempotent;

#[idempotent(ttl = "1h", key = order.id)]
async fn handler() {
    
}

fn main() {
    idem_tests::ui::route(handler);
}
