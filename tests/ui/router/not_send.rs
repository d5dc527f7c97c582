// mistakes: 1
use idem_runtime::idempotent;

#[idempotent(ttl = "1h")]
async fn handler(body: String) -> String {
    let shared = std::rc::Rc::new(body);
    std::future::ready(()).await;
    shared.to_string()
}

fn main() {}
