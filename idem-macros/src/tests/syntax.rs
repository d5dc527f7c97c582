//! The option loop: every error at its own tokens, and none that only follows from another.

use super::{errors, right, wrong, wrong_on};

#[test]
fn takes_options_in_any_order() {
    right(r#"ttl = "1h""#);
    right(r#"ttl = "1h","#);
    right(r#"key = order.id, state = AppState<Db, u8>, crate = crate::runtime, ttl = "1h", record = checks::keep"#);
}

#[test]
fn asks_for_the_ttl() {
    let missing = "how long is the response replayed? `ttl` is missing, as in `#[idempotent(ttl = \"1h\")]`";
    assert_eq!(errors("", super::PAY), [(String::new(), missing.to_owned())]);
    assert_eq!(errors("lease = \"10s\"", super::PAY), [(String::new(), missing.to_owned())]);
}

#[test]
fn suggests_the_name_that_was_meant() {
    wrong(r#"tll = "1h""#, &[("tll", "there is no option `tll`, did you mean `ttl`?")]);
    wrong(
        r#"ttl = "1h", replay-status = 200"#,
        &[("replay-status", "there is no option `replay-status`, did you mean `replay_status`?")],
    );
    wrong(
        r#"ttl = "1h", colour = db"#,
        &[(
            "colour",
            "there is no option `colour`, the options are `ttl`, `key`, `scope`, `operation`, `missing`, \
             `replay_status`, `record`, `on_failure`, `in_flight`, `lease`, `fingerprint`, `max_response`, `state`, \
             `crate`",
        )],
    );
    wrong(
        r#"expires = "1h", tenant = user.id"#,
        &[
            ("expires", "there is no option `expires`, did you mean `ttl`?"),
            ("tenant", "there is no option `tenant`, did you mean `scope`?"),
        ],
    );
    wrong(
        r#"ttl = "1h", store = db"#,
        &[("store", "there is no option `store`: a handler's store comes from the router's state")],
    );
    // Commas within the value of an unknown option separate no options.
    wrong(r#"ttl = "1h", stat = App<A, lease>"#, &[("stat", "there is no option `stat`, did you mean `state`?")]);
}

#[test]
fn a_name_is_one_word() {
    let word = "an option is one word: write `ttl`";
    for name in ["idem::ttl", "::idem::ttl", "self.ttl"] {
        wrong(&format!("{name} = \"1h\""), &[(name, word)]);
    }
    wrong(
        r#"idem::ttl = "1x", idem::tll = "1h""#,
        &[
            ("idem::ttl", word),
            ("idem::tll", "there is no option `idem::tll`, did you mean `ttl`?"),
            (
                "\"1x\"",
                "`ttl`: `x` is no unit of a duration, which are `ms`, `s`, `m`, `h`, `d`, `w`, write `ttl = \"1h\"`",
            ),
        ],
    );
}

#[test]
fn a_ttl_of_another_name_is_not_missing_as_well() {
    for name in ["record_ttl", "cache-ttl", "TTL", "replayTtl", "time_to_live"] {
        let message = format!("there is no option `{name}`, did you mean `ttl`?");
        wrong(&format!("{name} = \"1h\""), &[(name, &message)]);
    }
}

#[test]
fn marks_both_places_of_a_repeated_option() {
    wrong(
        r#"ttl = "1h", lease = "5s", ttl = "2h", ttl = "3h""#,
        &[
            ("ttl = \"1h\", lease = \"5s\", ttl", "`ttl` is given twice: keep one"),
            ("ttl = \"1h\", lease = \"5s\", ttl = \"2h\", ttl", "`ttl` is given twice: keep one"),
        ],
    );
}

#[test]
fn reads_on_after_a_mistake() {
    wrong(
        r#"ttl "1h", lease = , key: "path:id", "30s", on_failure, missing = 200,, scope = user. , in_flight("reject")"#,
        &[
            ("ttl", "`=` is missing after `ttl`: write `ttl = \"1h\"`"),
            ("lease =", "`lease =` has no value: write `lease = \"30s\"`"),
            (":", "`key` takes `=`, not `:`: write `key = \"header:Idempotency-Key\"`"),
            ("\"30s\"", "expected the name of an option, as in `ttl = \"1h\"`"),
            ("on_failure", "`on_failure` needs a value: write `on_failure = \"retry\"`"),
            (",", "an option is missing before this comma, or it is one comma too many"),
            ("user.", "`scope`: expected identifier or integer, write `scope = \"header:X-Tenant\"`"),
            ("in_flight(\"reject\")", "`in_flight` takes `=`: write `in_flight = \"wait:5s\"`"),
            (
                "200",
                "`missing`: 200 is no 4xx status, and a missing key is the client's mistake, write `missing = 400`",
            ),
        ],
    );
}

#[test]
fn finds_a_missing_comma() {
    wrong(r#"ttl = "1h" lease = "5s""#, &[("lease", "a comma is missing before `lease`")]);
    wrong(r#"key = order.id ttl = "1h""#, &[("ttl", "a comma is missing before `ttl`")]);
    wrong(
        r#"ttl = "1h" hour, lease = "5s""#,
        &[("hour", "unexpected after the value of `ttl`: options are separated by commas")],
    );
    wrong(
        r#"ttl = "1h"; lesae = "5s""#,
        &[
            (";", "options are separated by commas: write `,`"),
            ("lesae", "there is no option `lesae`, did you mean `lease`?"),
        ],
    );
}

#[test]
fn finds_a_missing_value() {
    wrong(
        r#"ttl = key = "path:id""#,
        &[("key", "`ttl =` has no value before this, or a comma is missing: write `ttl = \"1h\"`")],
    );
    for (sign, said) in [("=>", "=>"), (":=", ":="), (": =", ":="), ("->", "->"), ("::", "::"), ("+=", "+=")] {
        let message = format!("`ttl` takes `=`, not `{said}`: write `ttl = \"1h\"`");
        wrong(&format!("ttl {sign} \"1h\""), &[(sign, &message)]);
    }
    // What follows a wrong sign need not be a value.
    wrong("ttl == = 5 5", &[("==", "`ttl` takes `=`, not `==`: write `ttl = \"1h\"`")]);
    wrong(r#"ttl == "1h""#, &[("==", "`ttl` takes `=`, not `==`: write `ttl = \"1h\"`")]);
}

#[test]
fn knows_types_and_paths() {
    wrong(
        r#"ttl = "1h", state = "AppState""#,
        &[("\"AppState\"", "`state`: write `state = AppState`, without quotes")],
    );
    wrong(r#"ttl = "1h", crate = "idem""#, &[("\"idem\"", "`crate`: write `crate = idem`, without quotes")]);
    wrong(
        r#"ttl = "1h", crate = "idem-runtime", state = "dyn State""#,
        &[
            ("\"idem-runtime\"", "`crate`: write `crate = idem_runtime`, without quotes"),
            ("\"dyn State\"", "`state`: write `state = AppState`, without quotes"),
        ],
    );
    wrong(r#"ttl = "1h", state = 5"#, &[("5", "`state`: expected a type, as in `state = AppState`")]);
    wrong(
        r#"ttl = "1h", crate = ::idem::<T>"#,
        &[("::idem::<T>", "`crate`: expected a path, as in `crate = ::idem_runtime`")],
    );
    wrong(r#"ttl = "1h", state = _"#, &[("_", "`state`: the router's state has a name, write `state = AppState`")]);
}

#[test]
fn reports_the_mistakes_of_options_and_function_together() {
    wrong_on(
        "fn pay(Json(order): Json<Order>, body: String) -> Sse<S> { todo!() }",
        r#"tll = "1h", lease = "2x""#,
        &[
            ("tll", "there is no option `tll`, did you mean `ttl`?"),
            ("fn", "a handler is asynchronous: write `async fn pay`"),
            ("Json<Order>", "`Json` and `String` both read the body: a handler has one such argument, its last"),
            ("Sse<S>", "an event stream has no end, so it cannot be recorded and replayed: leave `#[idempotent]` out"),
            (
                "\"2x\"",
                "`lease`: `x` is no unit of a duration, which are `ms`, `s`, `m`, `h`, `d`, `w`, write `lease = \"30s\"`",
            ),
        ],
    );
}
