//! Values of the wrong kind, and words and numbers that are none of the choices.

use super::{right, wrong};

#[test]
fn durations_are_in_quotes() {
    let quotes = |right: &str| format!("`ttl`: a duration is written in quotes, write `ttl = \"{right}\"`");
    wrong("ttl = 3600", &[("3600", &quotes("1h"))]);
    wrong("ttl = 90", &[("90", &quotes("1m30s"))]);
    wrong("ttl = 1h", &[("1h", &quotes("1h"))]);
    wrong("ttl = 1.5h", &[("1.5h", &quotes("1h30m"))]);
    wrong("ttl = -1", &[("-1", &quotes("1h"))]);
    wrong(
        "ttl = Duration::from_secs(3600)",
        &[(
            "Duration::from_secs(3600)",
            "`ttl`: a duration is written out in quotes, to be checked at compile time, write `ttl = \"1h\"`",
        )],
    );
}

#[test]
fn malformed_durations_and_sizes_say_what_to_write() {
    wrong("ttl = \"10\"", &[("\"10\"", "`ttl`: `10` has no unit, write `ttl = \"10s\"`")]);
    wrong("ttl = \"0s\"", &[("\"0s\"", "`ttl`: `0s` is zero, write `ttl = \"1s\"`")]);
    wrong(
        "ttl = \"1hour\"",
        &[("\"1hour\"", "`ttl`: `hour` is no unit of a duration, did you mean `h`? Write `ttl = \"1h\"`")],
    );
    wrong(
        "ttl = \"1h\", max_response = \"2MB\"",
        &[(
            "\"2MB\"",
            "`max_response`: a megabyte is 1000² bytes to some and 1024² to others, sizes use `MiB` (1024² bytes), write \
             `max_response = \"2MiB\"`",
        )],
    );
    wrong(
        "ttl = \"1h\", max_response = 1048576",
        &[("1048576", "`max_response`: a size is written in quotes, write `max_response = \"1MiB\"`")],
    );
}

#[test]
fn choices_are_words_in_quotes() {
    wrong(
        r#"ttl = "1h", on_failure = keep"#,
        &[("keep", "`on_failure`: a choice is in quotes, write `on_failure = \"keep\"`")],
    );
    wrong(
        r#"ttl = "1h", on_failure = "kepe""#,
        &[("\"kepe\"", "`on_failure`: `kepe` is no choice, write `on_failure = \"keep\"`")],
    );
    wrong(
        r#"ttl = "1h", on_failure = "panic""#,
        &[("\"panic\"", "`panic` is no choice: `on_failure` is `\"retry\"` or `\"keep\"`")],
    );
    wrong(r#"ttl = "1h", on_failure = true"#, &[("true", "`on_failure` is `\"retry\"` or `\"keep\"`")]);
}

#[test]
fn a_duplicate_is_rejected_or_waits() {
    right(r#"ttl = "1h", in_flight = "reject""#);
    right(r#"ttl = "1h", in_flight = "wait:2s""#);
    for value in ["\"wait\"", "\"5s\"", "wait"] {
        wrong(
            &format!("ttl = \"1h\", in_flight = {value}"),
            &[(value, "`in_flight`: a duplicate waits for a duration, write `in_flight = \"wait:5s\"`")],
        );
    }
    wrong(
        r#"ttl = "1h", in_flight = "wait:1h""#,
        &[("\"wait:1h\"", "`in_flight`: `1h` is too long: the most is `5m`, write `in_flight = \"wait:5m\"`")],
    );
    wrong(
        r#"ttl = "1h", in_flight = "wiat:2s""#,
        &[("\"wiat:2s\"", "`in_flight`: `wiat` is no choice, write `in_flight = \"wait:2s\"`")],
    );
    wrong(
        r#"ttl = "1h", in_flight = "queue""#,
        &[("\"queue\"", "`queue` is no choice: `in_flight` is `\"reject\"` or `\"wait:5s\"`")],
    );
}

#[test]
fn a_missing_key_is_a_4xx_status_or_executed() {
    right(r#"ttl = "1h", missing = 428"#);
    right(r#"ttl = "1h", missing = 400u16"#);
    right(r#"ttl = "1h", missing = "execute""#);
    let no_client_mistake = |status: &str| {
        format!(
            "`missing`: {status} is no 4xx status, and a missing key is the client's mistake, write `missing = 400`"
        )
    };
    for status in ["500", "200", "70000", "-1"] {
        wrong(&format!("ttl = \"1h\", missing = {status}"), &[(status, &no_client_mistake(status))]);
    }
    wrong(
        r#"ttl = "1h", missing = "428""#,
        &[("\"428\"", "`missing`: a status is a number without quotes, write `missing = 428`")],
    );
    wrong(
        r#"ttl = "1h", missing = execute"#,
        &[("execute", "`missing`: a choice is in quotes, write `missing = \"execute\"`")],
    );
    wrong(
        r#"ttl = "1h", missing = StatusCode::BAD_REQUEST"#,
        &[(
            "StatusCode::BAD_REQUEST",
            "`missing`: a status is written as a number, write `missing = 428` or `\"execute\"`",
        )],
    );
    wrong(
        r#"ttl = "1h", missing = "run""#,
        &[("\"run\"", "`run` is no choice: `missing` is a 4xx status, such as `428`, or `\"execute\"`")],
    );
}

#[test]
fn a_replayed_success_is_one_with_a_body() {
    right(r#"ttl = "1h", replay_status = 200"#);
    for (status, problem) in [
        ("204", "204 has no body, and the recorded body is replayed"),
        ("205", "205 has no body, and the recorded body is replayed"),
        ("206", "206 answers a request for a part"),
        ("304", "304 has no body, and is no success"),
        ("404", "404 is no 2xx status, and it stands for a success"),
        ("100000", "100000 is no 2xx status, and it stands for a success"),
    ] {
        let message = format!("`replay_status`: {problem}, write `replay_status = 200`");
        wrong(&format!("ttl = \"1h\", replay_status = {status}"), &[(status, &message)]);
    }
    wrong(
        r#"ttl = "1h", replay_status = "200""#,
        &[("\"200\"", "`replay_status`: a status is a number without quotes, write `replay_status = 200`")],
    );
    wrong(
        r#"ttl = "1h", replay_status = OK"#,
        &[("OK", "`replay_status`: a status is written as a number, write `replay_status = 200`")],
    );
}

#[test]
fn a_record_policy_is_a_choice_or_a_function() {
    for value in ["\"success\"", "\"final\"", "keep", "policies::keep", "Policy::keep::<u8>"] {
        right(&format!("ttl = \"1h\", record = {value}"));
    }
    let choices =
        "`record` is `\"success\"`, `\"final\"`, or the path of a function over the response's head, without quotes";
    for (value, message) in [
        ("final", "`record`: a choice is in quotes, write `record = \"final\"`"),
        ("\"sucess\"", "`record`: `sucess` is no choice, write `record = \"success\"`"),
        ("\"policies::keep\"", "`record`: a function is named without quotes, write `record = policies::keep`"),
        ("|head| true", "`record` is the path of a function: write the closure as a `fn` and name it"),
        ("keep()", "`record` is the path of a function, without a call: leave out the `()`"),
        ("5", choices),
        ("\"all\"", &format!("`all` is no choice: {choices}")),
        ("\"all of them\"", &format!("`all of them` is no choice: {choices}")),
    ] {
        wrong(&format!("ttl = \"1h\", record = {value}"), &[(value, message)]);
    }
}

#[test]
fn an_operation_has_a_name() {
    right(r#"ttl = "1h", operation = "pay""#);
    for (value, message) in [
        ("\"\"", "`operation`: the operation has no name, write `operation = \"pay\"`"),
        ("\" \"", "`operation`: the operation has no name, write `operation = \"pay\"`"),
        ("\"a\\nb\"", "`operation`: the operation's name has a control character in it, write `operation = \"pay\"`"),
        ("refund", "`operation`: the operation is a name in quotes, write `operation = \"refund\"`"),
        ("5", "`operation`: the operation is a name in quotes, write `operation = \"pay\"`"),
    ] {
        wrong(&format!("ttl = \"1h\", operation = {value}"), &[(value, message)]);
    }
}
