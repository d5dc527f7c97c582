//! Functions that are no handlers: `#[idempotent_fn]`.

use super::{found, tokens};
use crate::{attribute, errors::Errors};

const CONSUME: &str = "async fn consume(&self, message: Message, db: &Db) -> Result<Receipt, Error> { todo!() }";

#[track_caller]
fn wrong_on(item: &str, args: &str, expected: &[(&str, &str)]) {
    let mut errors = Errors::default();
    let job = attribute::read_fn(tokens(args), tokens(item), &mut errors);
    let errors = found(job.is_some(), errors);
    let errors: Vec<_> = errors.iter().map(|(place, message)| (place.as_str(), message.as_str())).collect();
    assert_eq!(errors, expected, "#[idempotent_fn({args})] {item}");
}

#[track_caller]
fn wrong(args: &str, expected: &[(&str, &str)]) {
    let operation = if args.contains("operation") { "" } else { "operation = \"consume\"," };
    wrong_on(CONSUME, &format!("ttl = \"1h\", store = &self.idempotency, {operation} {args}"), expected);
}

#[test]
fn takes_what_makes_sense_without_a_request() {
    wrong(
        r#"key = message.id, scope = (message.tenant, message.queue), operation = "consume", on_failure = "keep",
        in_flight = "wait:2s", lease = "10s", fingerprint = &message, crate = ::idem"#,
        &[],
    );
    wrong(r#"key = self.name(&message), fingerprint = "none""#, &[]);
    for store in ["db.idempotency()", "&STORE", "STORE", "store()", "Self::store()", "match db { db => db.store() }"] {
        wrong_on(CONSUME, &format!("ttl = \"1h\", operation = \"consume\", key = message.id, store = {store}"), &[]);
    }
}

#[test]
fn says_what_a_checked_function_is() {
    let mut errors = Errors::default();
    let args = tokens(r#"ttl = "1h", operation = "consume", key = message.id, store = self"#);
    let job = attribute::read_fn(args, tokens(CONSUME), &mut errors).expect("it is right");
    assert_eq!(job.function.signature.ident, "consume");
    assert_eq!(job.arguments.len(), 2);
    assert_eq!((job.policy.ttl, job.policy.lease), (3_600_000, None));
    assert_eq!(job.store.names.into_iter().collect::<Vec<_>>(), ["self"]);
}

#[test]
fn asks_for_what_it_cannot_do_without() {
    wrong_on(
        CONSUME,
        "",
        &[
            ("", "how long is the result kept? `ttl` is missing, as in `#[idempotent_fn(ttl = \"1h\")]`"),
            ("", "which calls are the same? `key` is missing, as in `#[idempotent_fn(key = message.id)]`"),
            ("", "where is the result kept? `store` is missing, as in `#[idempotent_fn(store = &idempotency)]`"),
            (
                "consume",
                "two types can have a method `consume`, so it needs a name of its own: `operation` is missing, as in \
                 `#[idempotent_fn(operation = \"consume\")]`",
            ),
        ],
    );
}

#[test]
fn knows_options_of_handlers() {
    let reason = "it is about requests and responses, and a function has none";
    let other = |name: &str| format!("there is no option `{name}`: {reason}");
    wrong(
        r#"key = message.id, missing = "execute", replay_status = 200, record = "final", max_response = "1KiB", state = S"#,
        &[
            ("missing", &other("missing")),
            ("replay_status", &other("replay_status")),
            ("record", &other("record")),
            ("max_response", &other("max_response")),
            ("state", &other("state")),
        ],
    );
    wrong("key = message.id, kee = 5", &[("kee", "there is no option `kee`, did you mean `key`?")]);
}

#[test]
fn everything_is_an_expression_over_the_arguments() {
    wrong(
        r#"key = "header:Idempotency-Key", scope = "message.tenant", fingerprint = "body""#,
        &[
            ("\"header:Idempotency-Key\"", "`key`: this is an expression over the arguments, write `key = message.id`"),
            ("\"message.tenant\"", "`scope`: an expression is written without quotes, write `scope = message.tenant`"),
            ("\"body\"", "`fingerprint`: this is an expression over the arguments, write `fingerprint = &message`"),
        ],
    );
    wrong(
        "key = 5, scope = 5, fingerprint = none",
        &[
            ("5", "every call would have the same key: name an argument, as in `key = message.id`"),
            ("5", "`scope`: this is an expression over the arguments, write `scope = message.tenant`"),
            ("none", "`fingerprint`: a choice is in quotes, write `fingerprint = \"none\"`"),
        ],
    );
    wrong(
        "key = mesage.id",
        &[(
            "mesage",
            "`consume` has no argument `mesage`, did you mean `message`? Its arguments are `self`, `message`, `db`",
        )],
    );
    wrong_on(
        CONSUME,
        "ttl = \"1h\", operation = \"consume\", key = message.id, store = \"redis://localhost\"",
        &[("\"redis://localhost\"", "`store`: this is an expression over the arguments, write `store = &idempotency`")],
    );
}

#[test]
fn goes_on_asynchronous_functions_that_return_a_result() {
    let args = r#"ttl = "1h", key = id, store = STORE"#;
    for output in ["Result<(), E>", "anyhow::Result<u8>", "(io::Result<()>)"] {
        wrong_on(&format!("async fn job(id: u64) -> {output} {{}}"), args, &[]);
    }
    let result = "an idempotent function returns a `Result`: `Ok` is recorded, `Err` lets the next call run, write `-> \
                  Result<T, E>`";
    wrong_on("async fn job(id: u64) {}", args, &[("job", result)]);
    wrong_on("async fn job(id: u64) -> Option<u8> {}", args, &[("Option<u8>", result)]);
    wrong_on(
        "async fn job(id: u64) -> impl Future<Output = Result<(), E>> {}",
        args,
        &[("impl Future<Output = Result<(), E>>", result)],
    );
    wrong_on(
        "unsafe fn job(id: u64) -> Result<(), E> {}",
        args,
        &[
            ("fn", "an idempotent function is asynchronous: write `async fn job`"),
            ("unsafe", "an idempotent function cannot be `unsafe`: write `async fn job`"),
        ],
    );
    wrong_on(
        "async fn job(id: u64) -> Result<Vec<impl Serialize>, E> {}",
        args,
        &[("impl Serialize", "what is recorded is read back as this type, so it has a name: write the type")],
    );
    let owned = "what is recorded is read back from the store, so it is owned: return no reference";
    for (output, place) in [("Result<&'a str, E>", "&'a str"), ("io::Result<Vec<(u8, &[u8])>>", "&[u8]")] {
        wrong_on(&format!("async fn job<'a>(id: &'a str) -> {output} {{}}"), args, &[(place, owned)]);
    }
    wrong_on("async fn job(id: u64) -> Result<Cow<'static, str>, &'static str> {}", args, &[]);
    wrong_on("struct Job;", args, &[("struct", "`#[idempotent_fn]` goes on an `async fn`")]);
    wrong_on(
        "#[idempotent(ttl = \"1h\")] #[tracing::instrument] async fn job(id: u64) -> Result<(), E> {}",
        args,
        &[(
            "#[idempotent(ttl = \"1h\")]",
            "a function takes either `#[idempotent]`, if it is a handler, or `#[idempotent_fn]`",
        )],
    );
}

#[test]
fn a_method_has_an_operation() {
    let args = r#"ttl = "1h", key = id, store = STORE"#;
    let message = "two types can have a method `job`, so it needs a name of its own: `operation` is missing, as in \
                   `#[idempotent_fn(operation = \"job\")]`";
    for item in [
        "async fn job(self, id: u64) -> Result<(), E> {}",
        "async fn job(id: u64, other: Option<Self>) -> Result<(), E> {}",
        "async fn job(id: u64) -> Result<Self, E> {}",
        "async fn job(id: u64) -> Result<(), E> { { Self::other(id) } }",
    ] {
        wrong_on(item, args, &[("job", message)]);
        wrong_on(item, &format!("{args}, operation = \"job\""), &[]);
    }
    wrong_on("async fn job(id: self::Id) -> Result<(), E> { self::other(id) }", args, &[]);
}

#[test]
fn what_the_call_has_is_supplied() {
    let args = r#"ttl = "1h", key = id, store = transactions"#;
    let item = |arguments: &str| {
        format!("async fn job(transactions: &PostgresTransactions, id: u64, {arguments}) -> Result<(), E> {{}}")
    };
    for arguments in [
        "#[supplied] tx: PostgresTransaction",
        "#[supplied] mut tx: idem_runtime::SqliteTransaction, #[supplied] execution: Execution",
        "#[supplied] _: idem_runtime::Transaction<Own>",
        "execution: Execution",
        "tx: Transaction<'_, Postgres>",
    ] {
        wrong_on(&item(arguments), args, &[]);
    }
    let only = "only what the call itself has is supplied: its `Execution`, and the record's transaction, a \
                `PostgresTransaction` or a `SqliteTransaction`";
    wrong_on(&item("#[supplied] db: Db"), args, &[("Db", only)]);
    let unmarked = "the record's transaction begins with the call, so its caller has none to pass: write `#[supplied]` \
                    before this argument";
    wrong_on(&item("tx: PostgresTransaction"), args, &[("PostgresTransaction", unmarked)]);
    wrong_on(
        &item("#[supplied] a: SqliteTransaction, #[supplied] b: SqliteTransaction"),
        args,
        &[("SqliteTransaction", "a call has one transaction, that of its record: keep one")],
    );
    wrong_on(
        &item("#[supplied(by = call)] execution: Execution"),
        args,
        &[("#[supplied(by = call)]", "`#[supplied]` says all there is to say: leave out what follows")],
    );
    wrong_on(
        &item("#[supplied] tx: SqliteTransaction"),
        r#"ttl = "1h", key = tx.id(), store = transactions"#,
        &[("tx", "`job` has no argument `tx`: its arguments are `transactions`, `id`")],
    );
}

#[test]
fn a_function_with_a_mistake_keeps_what_is_supplied_out_of_its_signature() {
    let item = "async fn job(id: u64, #[supplied] mut tx: SqliteTransaction) -> Result<(), E> { tx.call().await }";
    let expanded = attribute::idempotent_fn(tokens(r#"ttl = "1h""#), tokens(item)).to_string();
    assert!(expanded.starts_with("async fn job (id : u64"), "{expanded}");
    assert!(expanded.contains("-> Result < () , E > { let mut tx : SqliteTransaction ="), "{expanded}");
    assert!(!expanded.contains("supplied"));
}
