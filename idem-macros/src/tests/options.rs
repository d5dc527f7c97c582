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
        ("1", "every request would have the same fingerprint, which is `fingerprint = \"none\"`"),
        (
            "\"sha256\"",
            "`fingerprint` is `\"body\"`, `\"json\"`, `\"none\"`, or an expression over the handler's arguments",
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
        &[("id", "`pay` has no argument `id`: none of its arguments has a name")],
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
            ("await", "`key` is evaluated before the handler runs, so it cannot await"),
            ("?", "`scope` is evaluated before the handler runs, so it cannot end the handler with `?`"),
            ("return", "`fingerprint` is evaluated before the handler runs, so it cannot return from the handler"),
        ],
    );
    right(r#"ttl = "1h", key = order.id.map(|id| { return id; })"#);
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
    let message = "the scope is the header that holds the key: it must tell whose key it is";
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
