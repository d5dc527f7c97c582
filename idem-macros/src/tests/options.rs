//! Keys, scopes and fingerprints, and options that contradict each other.

use super::{right, right_on, wrong, wrong_on};

#[test]
fn a_key_is_a_source_or_an_expression() {
    for value in [
        "\"header:X-Request-Id\"",
        "\"path:id\"",
        "\"query:id\"",
        "\"body:/order/id\"",
        "order.id",
        "(user.id, order.id)",
        "format!(\"{}-{}\", user.id, order.id)",
        "current_message()",
        "order.id.as_deref().map(normalize)",
        "order.lines.iter().map(|line| line.id).max()",
        "{ let id = order.id; id }",
    ] {
        right(&format!("ttl = \"1h\", key = {value}"));
    }
    wrong(
        r#"ttl = "1h", key = "heder:X-Key""#,
        &[("\"heder:X-Key\"", "`key`: `heder` is no source, did you mean `header`? Write `key = \"header:X-Key\"`")],
    );
    wrong(
        r#"ttl = "1h", key = "header:Host""#,
        &[(
            "\"header:Host\"",
            "`key`: `Host` says who sends the request, not which request it is, so it cannot be the key, write `key = \
             \"header:Idempotency-Key\"`",
        )],
    );
    wrong(
        r#"ttl = "1h", key = "order.id""#,
        &[("\"order.id\"", "`key`: an expression is written without quotes, write `key = order.id`")],
    );
}

#[test]
fn a_key_differs_between_requests() {
    let constant = "every request would have the same key: name where the key comes from, as in `key = \
                    \"header:Idempotency-Key\"`";
    for value in ["5", "true", "b\"key\"", "TENANT", "config::KEY", "(1, 2)", "&KEYS[0]"] {
        wrong(&format!("ttl = \"1h\", key = {value}"), &[(value, constant)]);
    }
}

#[test]
fn a_scope_is_a_header_or_an_expression() {
    for value in ["\"header:X-Tenant\"", "\"header:Authorization\"", "user.tenant", "current_tenant()", "TENANT"] {
        right(&format!("ttl = \"1h\", scope = {value}"));
    }
    wrong(
        r#"ttl = "1h", scope = "path:tenant""#,
        &[(
            "\"path:tenant\"",
            "`scope`: a scope is a header, or an expression over the handler's arguments, write `scope = \
             \"header:X-Tenant\"`",
        )],
    );
    wrong(
        r#"ttl = "1h", scope = "user.tenant""#,
        &[("\"user.tenant\"", "`scope`: an expression is written without quotes, write `scope = user.tenant`")],
    );
    wrong(
        r#"ttl = "1h", scope = 5"#,
        &[("5", "every request would have the same scope: name whose key it is, as in `scope = \"header:X-Tenant\"`")],
    );
}

#[test]
fn a_fingerprint_is_a_choice_or_an_expression() {
    for value in ["\"body\"", "\"json\"", "\"none\"", "order", "(order.id, order.amount)", "&order"] {
        right(&format!("ttl = \"1h\", fingerprint = {value}"));
    }
    for (value, message) in [
        ("\"jason\"", "`fingerprint`: `jason` is no choice, write `fingerprint = \"json\"`"),
        ("body", "`fingerprint`: a choice is in quotes, write `fingerprint = \"body\"`"),
        ("\"order\"", "`fingerprint`: an expression is written without quotes, write `fingerprint = order`"),
        ("1", "every request would have the same fingerprint: name an argument, or write `fingerprint = \"none\"`"),
        (
            "\"sha256\"",
            "`sha256` is no choice: `fingerprint` is `\"body\"`, `\"json\"`, `\"none\"`, or an expression over the handler's arguments",
        ),
    ] {
        wrong(&format!("ttl = \"1h\", fingerprint = {value}"), &[(value, message)]);
    }
}

#[test]
fn expressions_name_arguments() {
    wrong(
        r#"ttl = "1h", scope = usr.tenant"#,
        &[("usr", "`pay` has no argument `usr`, did you mean `user`? Its arguments are `db`, `user`, `order`")],
    );
    wrong(
        r#"ttl = "1h", key = (request.id, &tenant, -amount, list[0])"#,
        &[
            ("request", "`pay` has no argument `request`: its arguments are `db`, `user`, `order`"),
            ("tenant", "`pay` has no argument `tenant`: its arguments are `db`, `user`, `order`"),
            ("amount", "`pay` has no argument `amount`: its arguments are `db`, `user`, `order`"),
            ("list", "`pay` has no argument `list`: its arguments are `db`, `user`, `order`"),
        ],
    );
    wrong_on(
        "async fn pay(_: Bytes) {}",
        r#"ttl = "1h", key = id"#,
        &[("id", "`pay` has no argument `id`, nor any other that has a name")],
    );
    right_on(
        "async fn pay(Json(Order { r#type, id: Id(id), .. }): Json<Order>) {}",
        r#"ttl = "1h", key = (r#type, id)"#,
    );
}

#[test]
fn expressions_stay_in_their_place() {
    wrong(
        r#"ttl = "1h", key = user.id().await, scope = user.tenant()?, fingerprint = { return order; }"#,
        &[
            ("await", "`key` is evaluated before `pay` runs, so it cannot await: let an argument hold the value"),
            (
                "?",
                "`scope` is evaluated before `pay` runs, so `?` cannot end `pay`: a value that is not there is `None`",
            ),
            (
                "return",
                "`fingerprint` is evaluated before `pay` runs, so `return` cannot end `pay`: a value that is not there is `None`",
            ),
        ],
    );
    right(r#"ttl = "1h", key = order.id.map(|id| { return id; })"#);
    right(r#"ttl = "1h", key = loop { if order.paid { break order.id } else { continue } }"#);
    right(r#"ttl = "1h", key = 'found: { break 'found order.id }"#);
    right(r#"ttl = "1h", key = unsafe { *order.id }"#);
    right(r#"ttl = "1h", key = block_on(async { order.id().await })"#);
    for word in ["return", "break", "continue", "yield"] {
        let message = format!(
            "`key` is evaluated before `pay` runs, so `{word}` cannot end `pay`: a value that is not there is `None`"
        );
        wrong(&format!("ttl = \"1h\", key = {word}"), &[(word, &message)]);
        wrong(&format!("ttl = \"1h\", key = if order.paid {{ {word} }} else {{ order.id }}"), &[(word, &message)]);
    }
    let awaits = "`key` is evaluated before `pay` runs, so it cannot await: let an argument hold the value";
    wrong(r#"ttl = "1h", key = async { order.id }"#, &[("async", awaits)]);
    wrong(
        r#"ttl = "1h", key = |order| order.id"#,
        &[(
            "|order| order.id",
            "`key` is an expression that names the arguments itself, not a closure: leave out the `|..|`",
        )],
    );
    let no_self = "`pay` has no argument `self`: its arguments are `db`, `user`, `order`";
    for value in ["self", "self.id", "id(self)", "self.id()"] {
        wrong(&format!("ttl = \"1h\", key = {value}"), &[("self", no_self)]);
    }
}

#[test]
fn a_lease_is_shorter_than_the_ttl() {
    right(r#"ttl = "31s""#);
    right(r#"ttl = "10s", lease = "9s""#);
    wrong(
        r#"ttl = "1m", lease = "1m""#,
        &[("\"1m\"", "`lease`: a lease is shorter than the `ttl`, which is `1m`, write `lease = \"20s\"`")],
    );
    wrong(
        r#"ttl = "30s""#,
        &[(
            "\"30s\"",
            "`ttl`: the `ttl` is not longer than the lease, which is `30s` unless it is given; either make it longer, \
             or add `lease = \"10s\"`",
        )],
    );
    wrong(
        r#"ttl = "10s", lease = "10s""#,
        &[("\"10s\"", "`lease`: a lease is shorter than the `ttl`, which is `10s`, write `lease = \"3s\"`")],
    );
    // A lease that is wrong by itself is one mistake.
    wrong(
        r#"ttl = "10s", lease = "2h""#,
        &[("\"2h\"", "`lease`: `2h` is too long: the most is `1h`, write `lease = \"1h\"`")],
    );
}

#[test]
fn a_path_is_never_without_its_key() {
    wrong(
        r#"ttl = "1h", key = "path:id", missing = "execute""#,
        &[("\"execute\"", "the path always has `id`, so the key is never missing: leave `missing` out")],
    );
    right(r#"ttl = "1h", key = "query:id", missing = "execute""#);
}

#[test]
fn the_scope_is_not_the_key() {
    let message =
        "the scope is the header that holds the key: name whose key it is, as in `scope = \"header:X-Tenant\"`";
    wrong(r#"ttl = "1h", scope = "header:idempotency-key""#, &[("\"header:idempotency-key\"", message)]);
    wrong(r#"ttl = "1h", key = "header:X-Id", scope = "header:x-id""#, &[("\"header:x-id\"", message)]);
    right(r#"ttl = "1h", key = "header:X-Id", scope = "header:Idempotency-Key""#);
}

#[test]
fn what_is_read_of_the_body_suits_it() {
    const UPLOAD: &str = "async fn upload(Path(id): Path<u64>, parts: Multipart) {}";
    right_on(UPLOAD, r#"ttl = "1h", fingerprint = "none""#);
    right_on(UPLOAD, r#"ttl = "1h", fingerprint = id"#);
    wrong_on(
        UPLOAD,
        r#"ttl = "1h""#,
        &[(
            "Multipart",
            "a multipart body differs on every retry, by its boundary: add `fingerprint = \"none\"`, or an expression \
             over the other arguments",
        )],
    );
    wrong_on(
        UPLOAD,
        r#"ttl = "1h", fingerprint = "json", key = "body:/id""#,
        &[
            ("\"body:/id\"", "`key`: a multipart body is no JSON, and a JSON pointer cannot point into it"),
            (
                "\"json\"",
                "`fingerprint`: a multipart body differs on every retry, by its boundary, write `fingerprint = \
                 \"none\"`, or an expression over the other arguments",
            ),
        ],
    );
    wrong_on(
        "async fn submit(Form(order): Form<Order>) {}",
        r#"ttl = "1h", fingerprint = "json""#,
        &[("\"json\"", "`fingerprint`: a form is no JSON, write `fingerprint = \"body\"`")],
    );
}
