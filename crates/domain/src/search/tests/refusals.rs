//! What is refused, and with which words.

use super::{
    super::{DEPTH_MAX, LIST_MAX, QUERY_MAX},
    *,
};

#[test]
fn a_refusal_names_the_place_and_the_way_out() {
    for (query, expected) in [
        ("stat = failed", "unknown field 'stat' at position 0; did you mean 'state'?"),
        ("x = 1 or datacentre = b", "unknown field 'x' at position 0; choose one of state, name, workflow, "),
        ("web datacentre = b", "unknown field 'datacentre' at position 4; did you mean 'datacenter'?"),
        ("has nam", "unknown field 'nam' at position 4; did you mean 'name'?"),
        ("state = faild", "unknown value of 'state': 'faild' at position 8; did you mean 'failed'?"),
        (
            "state ^ (failed, xyzzy)",
            "unknown value of 'state': 'xyzzy' at position 17; choose one of pending, running, ",
        ),
        ("name =", "unexpected end of the query at position 6; a value after '=' is missing"),
        ("name ^ ", "unexpected end of the query at position 7; a value after '^' is missing"),
        ("web and", "unexpected end of the query at position 7; a condition is missing"),
        ("not", "unexpected end of the query at position 3; a condition is missing"),
        ("has", "unexpected end of the query at position 3; a field after 'has' is missing"),
        ("null? (a)", "missing field before '(' at position 6; 'null?' takes the name of a field"),
        ("and web", "missing condition before 'and' at position 0"),
        ("web or | x", "missing condition before '|' at position 7"),
        ("()", "missing condition before ')' at position 1"),
        ("= web", "missing field before '=' at position 0; write a field, "),
        ("name = not", "missing value before 'not' at position 7; write \"not\" in quotes to search for it"),
        ("attempt = - 5", "missing value before '-' at position 10; "),
        ("(web or x", "unbalanced parenthesis: '(' without ')' at position 0"),
        ("web (x", "unbalanced parenthesis: '(' without ')' at position 4"),
        ("web) x", "unbalanced parenthesis: ')' without '(' at position 3"),
        (")", "unbalanced parenthesis: ')' without '(' at position 0"),
        ("state ^ (failed", "unbalanced parenthesis: '(' without ')' at position 8"),
        ("state ^ ()", "an empty list at position 8"),
        ("state ^ (failed or running)", "missing value before 'or' at position 16; "),
        ("name = \"web", "unterminated quote at position 7; close it"),
        ("name = \"web\\", "unterminated quote at position 7; close it"),
        ("name = a\0b", "a control character at position 8"),
        (
            "name > a",
            "operator '>' does not apply to the text field 'name' at position 5; it takes = != ~ !~ ^ !^",
        ),
        ("state <= failed", "operator '<=' does not apply to the choice field 'state' at position 6; "),
        ("attempt ~ 1", "operator '~' does not apply to the number field 'attempt' at position 8; "),
        (
            "started_at ^ (today)",
            "operator '^' does not apply to the time field 'started_at' at position 11; ",
        ),
        (
            "stalled > no",
            "operator '>' does not apply to the yes-or-no field 'stalled' at position 8; it takes = !=",
        ),
        ("id ~ 01", "operator '~' does not apply to the UUID field 'id' at position 3; "),
        ("attempt > many", "'many' is not a whole number at position 10"),
        ("attempt > 1.5", "'1.5' is not a whole number at position 10"),
        ("attempt > 9223372036854775808", "'9223372036854775808' is out of range at position 10"),
        ("stalled = maybe", "'maybe' is neither true nor false at position 10"),
        ("id = 42", "'42' is not a UUID at position 5; "),
        ("started_at > 2 hours ago", "'2' is not a time at position 13; write a time as 2026-11-22, "),
        ("started_at = 2026-02-30", "'2026-02-30' is not a time at position 13; "),
        ("started_at = \"-2 hours ago\"", "'-2 hours ago' is not a time at position 13; "),
        ("started_at = 1899-12-31", "'1899-12-31' is not in the years 1900 to 2999 at position 13"),
        (
            "started_at > \"99999999999999999999 years ago\"",
            "'99999999999999999999 years ago' is not in the years ",
        ),
        (
            "started_at > \"9223372036854775807 seconds from now\"",
            "'9223372036854775807 seconds from now' is not in ",
        ),
        ("state in (failed)", "'in' is not an operator at position 6; write state ^ (…)"),
        ("state not in (failed)", "'not in' is not an operator at position 10; write state !^ (…)"),
        ("ž stat = 1", "unknown field 'stat' at position 2; "),
    ] {
        let error = parse(query, FIELDS, now()).expect_err(query);
        let sentence = error.to_string();
        assert!(sentence.starts_with(expected), "{query}: {sentence}");
        let position = format!("at position {}", error.position);
        assert!(sentence.contains(&position), "{query}: {position}: {sentence}");
    }
}

#[test]
fn a_resource_without_text_refuses_free_words() {
    static NUMBERS: &[Field] = &[field("attempt", &[], Kind::Integer, true)];
    let error = parse("web1", NUMBERS, now()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the word 'web1' without a field at position 0; write a field, an operator and a value"
    );
}

#[test]
fn every_operator_that_a_refusal_offers_is_taken() {
    let value = |kind: Kind| match kind {
        Kind::Text => "web",
        Kind::Integer => "1",
        Kind::Time => "today",
        Kind::Choice(_) => "failed",
        Kind::Uuid => "0193f4a0-0000-7000-8000-000000000000",
        Kind::Boolean => "true",
    };
    for field in FIELDS {
        for operator in ["=", "!=", "~", "!~", "<", "<=", ">", ">=", "^", "!^"] {
            let query = format!("{} {operator} {}", field.name, value(field.kind));
            let offered = field.kind.operators().contains(&operator);
            assert_eq!(parse(&query, FIELDS, now()).is_ok(), offered, "{query}");
        }
    }
}

#[test]
fn limits_are_exact() {
    let refused = |query: &str| parse(query, FIELDS, now()).expect_err("over the limit");

    assert!(parse(&"ž".repeat(QUERY_MAX), FIELDS, now()).is_ok());
    let error = refused(&"ž".repeat(QUERY_MAX + 1));
    assert_eq!(error.position, QUERY_MAX);
    assert!(error.message.ends_with("; at most 2048 are allowed"), "{error}");

    let nested = |open: &str, close: &str, depth| format!("{}a{}", open.repeat(depth), close.repeat(depth));
    for (open, close) in [("(", ")"), ("!", ""), ("not ", "")] {
        assert!(parse(&nested(open, close, DEPTH_MAX), FIELDS, now()).is_ok());
        let error = refused(&nested(open, close, DEPTH_MAX + 1));
        assert_eq!(error.position, DEPTH_MAX * open.len(), "{error}");
    }
    assert!(refused(&"(".repeat(QUERY_MAX)).message.starts_with("more than 32 levels"));

    let list = |size| format!("attempt ^ ({})", vec!["1"; size].join(","));
    assert!(parse(&list(LIST_MAX), FIELDS, now()).is_ok());
    let error = refused(&list(LIST_MAX + 1));
    assert_eq!(error.position, "attempt ^ (".len() + 2 * LIST_MAX, "{error}");
}

#[test]
fn a_refusal_repeats_little_and_no_line_breaks() {
    let error = parse(&format!("\"a\nb{}\" = 1", "c".repeat(500)), FIELDS, now()).unwrap_err();
    assert!(error.message.starts_with("unknown field 'a bccc"), "{error}");
    assert!(error.message.chars().count() < 300, "{error}");
}
