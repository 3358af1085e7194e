//! What holds for every query.

use proptest::prelude::*;

use super::{super::Pattern, *};

/// Any text as it is written in quotes.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn comparison() -> impl Strategy<Value = String> {
    let words = || {
        prop_oneof![
            select(&["web1", "a_b", "*", "we*1%", "and", "-x", "x-1", "in", "žluť"]).prop_map(quoted),
            "[a-z][a-z0-9_.-]{0,5}[*]?x",
            "\\PC{0,6}".prop_map(|word| quoted(&word)),
        ]
    };
    let numbers = || prop_oneof![any::<i64>(), -3_i64..4];
    let times = prop_oneof![
        select(&[
            "today",
            "yesterday",
            "tomorrow",
            "now",
            "2026-11-22",
            "2999-12-31",
            "\"2026-11-22 10:00\""
        ])
        .prop_map(ToOwned::to_owned),
        (0_u32..200, select(&["second", "minutes", "hours", "day", "weeks", "months"]), any::<bool>())
            .prop_map(|(count, unit, back)| format!(
                "\"{count} {unit} {}\"",
                if back { "ago" } else { "from now" }
            )),
        (0_i64..4_000_000_000_000_000)
            .prop_map(|micros| DateTime::from_timestamp_micros(micros).unwrap().to_rfc3339()),
    ];
    let order = || select(&["=", "!=", "<", "<=", ">", ">="]);
    let list = |items: Vec<String>| format!("({})", items.join(", "));
    let sign = || select(&["^", "!^"]);
    prop_oneof![
        words(),
        (select(&["name", "host", "step", "state"]), select(&["~", "!~"]), words())
            .prop_map(|(field, operator, word)| format!("{field} {operator} {word}")),
        (select(&["name", "ip"]), select(&["=", "<>"]), words())
            .prop_map(|(field, operator, word)| format!("{field} {operator} {word}")),
        (select(&["=", "!="]), select(STATES))
            .prop_map(|(operator, state)| format!("state {operator} {state}")),
        (sign(), prop::collection::vec(words(), 1..4))
            .prop_map(move |(sign, items)| format!("name {sign} {}", list(items))),
        (sign(), prop::collection::vec(numbers().prop_map(|number| number.to_string()), 1..4))
            .prop_map(move |(sign, items)| format!("attempt {sign} {}", list(items))),
        (order(), numbers()).prop_map(|(operator, number)| format!("attempt {operator} {number}")),
        (order(), times).prop_map(|(operator, time)| format!("started_at {operator} {time}")),
        (select(&["has", "null?"]), select(&["name", "attempt", "started_at"]))
            .prop_map(|(word, field)| format!("{word} {field}")),
    ]
}

fn select(words: &'static [&'static str]) -> impl Strategy<Value = &'static str> + Clone {
    prop::sample::select(words)
}

fn query() -> impl Strategy<Value = String> {
    comparison().prop_recursive(4, 12, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) and ({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) or {b}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a} ({b})")),
            inner.prop_map(|a| format!("not ({a})")),
        ]
    })
}

/// Pieces of the language in no order.
fn soup() -> impl Strategy<Value = String> {
    const PIECES: &[&str] = &[
        "(",
        ")",
        ",",
        "and",
        "or",
        "not",
        "!",
        "-",
        "^",
        "!^",
        "~",
        "=",
        ">",
        "has",
        "null?",
        "state",
        "failed",
        "name",
        "attempt",
        "1",
        "in",
        "\"",
        "\"a b\"",
        "started_at",
        "today",
        "\\",
        " ",
        "é",
    ];
    prop::collection::vec(select(PIECES), 0..24).prop_map(|pieces| pieces.join(" "))
}

type Row = (Option<String>, Option<i64>, Option<DateTime<Utc>>);

fn row() -> impl Strategy<Value = Row> {
    let near = -2_000_000_000_000_i64..2_000_000_000_000;
    let time = near.prop_map(|micros| now() + chrono::TimeDelta::microseconds(micros));
    let name = prop_oneof!["web1", "xx?", "[a-z_]{0,4}", "\\PC{0,4}"];
    (proptest::option::of(name), proptest::option::of(-3_i64..4), proptest::option::of(time))
}

fn accepts(query: &str, (name, attempt, started_at): &Row) -> bool {
    read(query).matches(&|field| match field.name {
        "name" | "step" => name.clone().map(Value::Text),
        "state" => Some(text("failed")),
        "attempt" => attempt.map(Value::Integer),
        "started_at" => started_at.map(Value::Time),
        _ => None,
    })
}

/// The meaning of a pattern, by trying every way; `*` is the wildcard.
fn glob(pattern: &[char], text: &[char]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some(('*', rest)), _) if glob(rest, text) => true,
        (Some(('*', _)), Some((_, shorter))) => glob(pattern, shorter),
        (Some((wanted, rest)), Some((found, shorter))) => {
            wanted.eq_ignore_ascii_case(found) && glob(rest, shorter)
        }
        _ => false,
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_within_it(query in prop_oneof!["(?s).{0,60}", "\\PC{0,60}", soup()]) {
        let length = query.chars().count();
        match parse(&query, FIELDS, now()) {
            Ok(Some(expr)) => prop_assert_eq!(&expr, &read(&expr.to_string())),
            Ok(None) => prop_assert!(query.trim().is_empty()),
            Err(error) => prop_assert!(error.position <= length, "{}", error),
        }
        if let Err(error) = parse_order(&query, &["name"]) {
            prop_assert!(error.position < length);
        }
    }

    #[test]
    fn any_time_is_read_or_refused(text in "[0-9TZ:+. -]{0,30}|[0-9]{1,25} (second|month|year)s? (ago|from now)") {
        let _ = parse(&format!("started_at > \"{text}\""), FIELDS, now());
    }

    #[test]
    fn what_is_printed_reads_back_as_the_same(query in query()) {
        let expr = read(&query);
        prop_assert_eq!(read(&expr.to_string()), expr);
    }

    #[test]
    fn not_is_the_complement(query in query(), row in row()) {
        prop_assert_ne!(accepts(&format!("not ({query})"), &row), accepts(&query, &row));
    }

    #[test]
    fn and_is_both_and_or_is_either(a in query(), b in query(), row in row()) {
        let (left, right) = (accepts(&a, &row), accepts(&b, &row));
        prop_assert_eq!(accepts(&format!("({a}) and ({b})"), &row), left && right);
        prop_assert_eq!(accepts(&format!("({a}) or ({b})"), &row), left || right);
    }

    #[test]
    fn a_day_is_before_on_or_after_another(day in -20_i64..20, row in row()) {
        let date = (now() + chrono::TimeDelta::days(day)).format("%Y-%m-%d");
        let is = |operator: &str| accepts(&format!("started_at {operator} {date}"), &row);
        let (less, same, more) = (is("<"), is("="), is(">"));
        prop_assert_eq!([less, same, more].into_iter().filter(|is| *is).count(), usize::from(row.2.is_some()));
        prop_assert_eq!((is("<="), is(">="), is("!=")), (less || same, more || same, !same));
    }

    #[test]
    fn a_pattern_matches_as_if_every_way_were_tried(pattern in "[abA*]{0,5}[*][ab*]{0,4}", text in "[abB]{0,8}") {
        let expected = glob(&pattern.chars().collect::<Vec<_>>(), &text.chars().collect::<Vec<_>>());
        prop_assert_eq!(Pattern::new(&pattern).matches(&text), expected);
    }

    #[test]
    fn a_pattern_without_a_wildcard_is_contained(piece in "[ab_]{0,3}", text in "[abB_]{0,8}") {
        prop_assert_eq!(Pattern::new(&piece).matches(&text), text.to_lowercase().contains(&piece));
    }
}
