//! Attributes made of bytes, and what holds for every one of them. The fuzzer has this file too.

use proc_macro2::{TokenStream, TokenTree};

use crate::attribute;

/// Options that are right.
const RIGHT: &[&str] = &[
    "key = order",
    "key = (order, &order.id, 1 + order, order as u64, -order, order..)",
    "key = \"path:id\"",
    "scope = format!(\"{order}\")",
    "scope = \"header:X-Tenant\"",
    "fingerprint = if let Some(user) = order { user } else { loop { break 5 } }",
    "fingerprint = order.lines.iter().map(|line| { return line.id; })",
    "fingerprint = \"json\"",
    "operation = \"pay\"",
    "missing = 428",
    "replay_status = 200",
    "record = policies::keep::<u8>",
    "on_failure = \"keep\"",
    "in_flight = \"wait:2s\"",
    "lease = \"10s\"",
    "max_response = \"64KiB\"",
    "state = App<Db, [u8; 3]>",
    "crate = crate::runtime",
];

/// What a function that is no handler cannot do without.
const OF_A_FUNCTION: &str = "ttl = \"1h\", key = order, store = &STORE, operation = \"pay\", ";

/// Names of options, right and wrong.
const NAMES: &[&str] = &[
    "ttl",
    "key",
    "scope",
    "operation",
    "missing",
    "replay_status",
    "record",
    "on_failure",
    "in_flight",
    "lease",
    "fingerprint",
    "max_response",
    "state",
    "crate",
    "store",
    "tll",
    "idem::ttl",
    "replay-status",
    "r#type",
    "self",
    "::key",
    "ttl.",
    "\"ttl\"",
    "",
];

const SIGNS: &[&str] = &["=", "=", "=", "=", "=", "==", ":", ":=", "=>", "::", "", "= ="];

/// Values of every form.
const VALUES: &[&str] = &[
    "\"1h\"",
    "\"1h30m\"",
    "\"10s\"",
    "\"1.5h\"",
    "\"\"",
    "\"header:Idempotency-Key\"",
    "\"path:id\"",
    "\"body:/order/id\"",
    "\"query:\"",
    "\"pay\"",
    "\"execute\"",
    "\"success\"",
    "\"wait:2s\"",
    "\"keep\"",
    "\"json\"",
    "\"64KiB\"",
    "428",
    "200",
    "-1",
    "1h",
    "1.5",
    "'h'",
    "b\"1h\"",
    "true",
    "order",
    "order.id",
    "(user.id, &order.id)",
    "&order[0]",
    "order as u64",
    "1 + order",
    "order..",
    "..order",
    "-order",
    "format!(\"{order}\")",
    "format!(\"{order:>user$}\", user)",
    "order.id?",
    "order.id().await",
    "return order",
    "return",
    "break",
    "yield",
    "self",
    "self.id",
    "|order| order.id",
    "async { order }",
    "unsafe { order }",
    "if order { break } else { user }",
    "loop { break order }",
    "match order { Some(order) => order, None => user }",
    "{ let order = user; order }",
    "let Some(order) = user",
    "Order { id: order, ..user }",
    "order = user",
    "order += 1",
    "_",
    "policies::keep",
    "AppState",
    "App<Db, u8>",
    "impl Clone",
    "[u8; 3]",
    "::idem",
    "$crate",
    "final",
    "()",
    "!",
    "order user",
    "",
];

const ENDS: &[&str] = &[",", ",", ",", ",", ",", ",", ",", ",", ",", ",", ",", ",", "", ";", ",,"];

const ATTRIBUTES: &[&str] = &[
    "",
    "",
    "",
    "",
    "",
    "#[debug_handler] ",
    "#[tracing::instrument] ",
    "#[idempotent(ttl = \"1h\")] ",
    "#[allow(unused)] /** Pays. */ pub(crate) ",
];

const QUALIFIERS: &[&str] = &[
    "async fn",
    "async fn",
    "async fn",
    "async fn",
    "async fn",
    "fn",
    "const fn",
    "async unsafe extern \"C\" fn",
    "struct",
];

const GENERICS: &[&str] = &["", "", "", "", "", "<T>", "<'a, T: 'a, const N: usize>", "<"];

const ARGUMENTS: &[&str] = &[
    "order: String",
    "_order: String",
    "Json(order): Json<Order>",
    "Json(Order { id: order, ref mut user, .. }): Json<Order>",
    "mut user: User",
    "_: Method",
    "(user, _): (User, Method)",
    "[order, .., user]: [u8; 3]",
    "order @ Some(_): Option<Json<Order>>",
    "r#type: Bytes",
    "#[cfg(test)] user: User",
    "#[allow(unused)] user: impl User",
    "&user: &'a User",
    "State(db): State<Self>",
    "(Order::A(order) | Order::B(order)): Order",
    "form: Multipart",
    "ws: WebSocketUpgrade",
    "&self",
    "self: Box<Self>",
    "#[supplied] execution: Execution",
    "#[supplied] mut tx: SqliteTransaction",
    "...",
    "order",
];

const OUTPUTS: &[&str] = &[
    "",
    "",
    " -> String",
    " -> Result<impl IntoResponse, AppError>",
    " -> Result<Receipt, Error>",
    " -> io::Result<&'a str>",
    " -> impl IntoResponse + use<'_>",
    " -> !",
    " -> (StatusCode, Sse<impl Stream>)",
    " -> Pin<Box<dyn Future<Output = ()>>>",
    " -> ()",
    " ->",
    " where T: Clone",
];

const BODIES: &[&str] = &[
    "{}",
    "{ order }",
    "{ #![allow(unused)] order.pay().await? }",
    "{ let x = order. ; match }",
    ";",
    "{ fn user() {} }",
];

/// An attribute and its item, chosen by the bytes. The texts are those that matter to some part of the attribute.
pub(crate) fn chosen(bytes: &[u8]) -> (String, String) {
    let mut bytes = bytes.iter().map(|byte| usize::from(*byte));
    let mut choose = |from: &[&'static str]| from[bytes.next().unwrap_or_default() % from.len()];
    let counts = ["", "1", "22", "333", "4444", "55555"];
    let mut args = choose(&["ttl = \"1h\", ", "ttl = \"1h\", ", OF_A_FUNCTION, ""]).to_owned();
    for _ in choose(&counts).chars() {
        let parts: &[_] = if choose(&["right", "right", ""]).is_empty() { &[NAMES, SIGNS, VALUES] } else { &[RIGHT] };
        for part in parts.iter().chain([&ENDS]) {
            args.push_str(choose(part));
            args.push(' ');
        }
    }
    let mut item = format!("{}{} pay{}(", choose(ATTRIBUTES), choose(QUALIFIERS), choose(GENERICS));
    for _ in choose(&counts).chars() {
        item.push_str(choose(ARGUMENTS));
        item.push_str(", ");
    }
    item.push_str(&format!("){} {}", choose(OUTPUTS), choose(BODIES)));
    (args, item)
}

/// The expansion is there, whatever the attribute and the item are: a file that can be compiled, or an error.
pub(crate) fn expands(args: &str, item: &str) {
    // What the compiler itself refuses to read never gets here.
    let (Ok(args), Ok(item)) = (args.parse::<TokenStream>(), item.parse::<TokenStream>()) else { return };
    if depth(&args).max(depth(&item)) > 16 {
        return;
    }
    let given = errors(&args) + errors(&item);
    for attribute in [attribute::idempotent, attribute::idempotent_fn] {
        let expanded = attribute(args.clone(), item.clone());
        let reported = errors(&expanded) > given;
        // A body is passed on as it is, and a half-typed one is reported by the compiler.
        let reads = |tokens: &TokenStream| syn::parse2::<syn::File>(tokens.clone()).is_ok();
        assert!(reported || reads(&expanded) || !reads(&item), "{expanded}");
    }
}

fn depth(tokens: &TokenStream) -> usize {
    let within = |token| match token {
        TokenTree::Group(group) => 1 + depth(&group.stream()),
        _ => 0,
    };
    tokens.clone().into_iter().map(within).max().unwrap_or_default()
}

fn errors(tokens: &TokenStream) -> usize {
    tokens.to_string().matches("compile_error").count()
}
