//! Queries and what becomes of them, over fields like those of a build.

mod properties;
mod refusals;

use chrono::{DateTime, Utc};

use super::{Expr, Field, Kind, Order, Value, parse, parse_order};

const STATES: &[&str] =
    &["pending", "running", "failed", "installed", "completed", "canceled", "superseded", "expired"];

const fn field(name: &'static str, aliases: &'static [&'static str], kind: Kind, free_text: bool) -> Field {
    Field { name, aliases, kind, free_text }
}

/// The fields that `docs/search.md` describes, and one of each kind that builds do not have.
static FIELDS: &[Field] = &[
    field("state", &[], Kind::Choice(STATES), false),
    field("name", &["host"], Kind::Text, true),
    field("workflow", &[], Kind::Text, true),
    field("location", &["datacenter"], Kind::Text, true),
    field("organization", &[], Kind::Text, true),
    field("hostgroup", &[], Kind::Text, true),
    field("model", &[], Kind::Text, true),
    field("operatingsystem", &["os"], Kind::Text, true),
    field("mac", &[], Kind::Text, true),
    field("ip", &[], Kind::Text, true),
    field("foreman_id", &[], Kind::Integer, true),
    field("attempt", &[], Kind::Integer, false),
    field("step", &[], Kind::Text, false),
    field("started_at", &[], Kind::Time, false),
    field("ended_at", &[], Kind::Time, false),
    field("last_report_at", &[], Kind::Time, false),
    field("rejected_reports", &[], Kind::Integer, false),
    field("id", &[], Kind::Uuid, false),
    field("stalled", &[], Kind::Boolean, false),
];

fn at(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

fn now() -> DateTime<Utc> {
    at("2026-11-22T10:20:30.123456789Z")
}

fn read(query: &str) -> Expr {
    parse(query, FIELDS, now())
        .unwrap_or_else(|error| panic!("{query}: {error}"))
        .unwrap_or_else(|| panic!("{query}: nothing in it"))
}

fn canonical(query: &str) -> String {
    read(query).to_string()
}

/// A row with these values and no others.
fn satisfies(query: &str, row: &[(&str, Value)]) -> bool {
    read(query).matches(&|field| {
        let value = row.iter().find(|(name, _)| *name == field.name);
        value.map(|(_, value)| value.clone())
    })
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[test]
fn queries_are_read_as_people_mean_them() {
    for (query, expected) in [
        // Operators and their other spellings.
        ("name = web1", "name = web1"),
        ("name==web1", "name = web1"),
        ("host at web1", "name = web1"),
        ("name<>web1", "name != web1"),
        ("state!=failed", "state != failed"),
        ("name ~ web", "name ~ web"),
        ("name!~web", "name !~ web"),
        ("attempt>1", "attempt > 1"),
        ("attempt >= 2 attempt <= 5", "attempt >= 2 and attempt <= 5"),
        ("attempt = -5", "attempt = -5"),
        ("state ^ (failed, running)", "state ^ (failed, running)"),
        ("state ^ (failed running,)", "state ^ (failed, running)"),
        ("state^failed", "state ^ (failed)"),
        ("state ^ failed, running and web", "state ^ (failed, running) and web"),
        ("state ^ failed, attempt > 1", "state ^ (failed) and attempt > 1"),
        ("state !^ (failed)", "state !^ (failed)"),
        ("foreman_id ^ (-1, 2)", "foreman_id ^ (-1, 2)"),
        // Presence.
        ("has ended_at", "has ended_at"),
        ("set? ended_at", "has ended_at"),
        ("null? ended_at", "not has ended_at"),
        ("not has ended_at", "not has ended_at"),
        ("set? mac web null? ip", "has mac and web and not has ip"),
        // Logic: not before and before or; the rest is flat.
        ("a b or c", "(a and b) or c"),
        ("a or b and c", "a or (b and c)"),
        ("(a or b) c", "(a or b) and c"),
        ("a AND b && c & d", "a and b and c and d"),
        ("a Or b || c | d", "a or b or c or d"),
        ("1 (2 (3 4))", "1 and 2 and 3 and 4"),
        ("a, b", "a and b"),
        ("not a b", "not a and b"),
        ("!a -b", "not a and not b"),
        ("not not a", "not not a"),
        ("!(a or !b)", "not (a or not b)"),
        ("not name = a b", "not name = a and b"),
        ("(a|b)(b|c)", "(a or b) and (b or c)"),
        // Words and quotes.
        ("web-1 a\"b", "web-1 and \"a\\\"b\""),
        (r#""full \"moon\" \\ here""#, r#""full \"moon\" \\ here""#),
        ("\"and\" \"\"", "\"and\" and *"),
        ("name=\"foo bar\"baz", "name = \"foo bar\" and baz"),
        ("in or ago", "in or ago"),
        ("state", "state"),
        ("name = žluťoučký", "name = žluťoučký"),
        // Wildcards.
        ("name ~ web*.brno", "name ~ web*.brno"),
        ("name ~ %web%", "name ~ web"),
        ("name ~ **a%%b", "name ~ *a*b"),
        // Names and values in any case, aliases by their field.
        ("DataCenter = brno", "location = brno"),
        ("state = FAILED", "state = failed"),
        ("stalled = yes stalled != False", "stalled = true and stalled != false"),
        ("id = 0193F4A0-0000-7000-8000-00000000000A", "id = 0193f4a0-0000-7000-8000-00000000000a"),
    ] {
        assert_eq!(canonical(query), expected, "{query}");
        assert_eq!(read(expected), read(query), "{query}");
    }
}

#[test]
fn times_stand_for_as_much_as_they_name() {
    for (query, expected) in [
        ("> \"2 hours ago\"", "> 2026-11-22T08:20:30.123456Z"),
        ("after \"30 minutes ago\"", "> 2026-11-22T09:50:30.123456Z"),
        ("< \"2 hours from now\"", "< 2026-11-22T12:20:30.123456Z"),
        (">= now", ">= 2026-11-22T10:20:30.123456Z"),
        ("= \"1 hour ago\"", "= \"2026-11-22 09:20\""),
        ("= \"45 Seconds Ago\"", "= 2026-11-22T10:19:45Z"),
        // A day is a whole one: '>' begins after it, '<=' includes it.
        ("= today", "= 2026-11-22"),
        ("= yesterday", "= 2026-11-21"),
        ("!= tomorrow", "!= 2026-11-23"),
        ("= \"3 days ago\"", "= 2026-11-19"),
        ("= \"2 weeks ago\"", "= 2026-11-08"),
        ("= \"1 month from now\"", "= 2026-12-22"),
        ("= \"1 year ago\"", "= 2025-11-22"),
        ("> \"3 days ago\"", ">= 2026-11-20T00:00:00Z"),
        ("before 2026-11-20", "< 2026-11-20T00:00:00Z"),
        ("<= 2026-11-20", "< 2026-11-21T00:00:00Z"),
        (">= 2026-11-20", ">= 2026-11-20T00:00:00Z"),
        ("> 2999-12-31", ">= 3000-01-01T00:00:00Z"),
        // A point is a point.
        ("<= \"2026-11-22 10:00\"", "<= 2026-11-22T10:00:00Z"),
        ("> 2026-11-22T10:00", "> 2026-11-22T10:00:00Z"),
        ("= \"2026-11-22 10:00\"", "= \"2026-11-22 10:00\""),
        ("= \"2026-11-22 10:00:05\"", "= 2026-11-22T10:00:05Z"),
        ("= 2026-11-22T12:00:00+02:00", "= 2026-11-22T10:00:00Z"),
        ("= 2026-11-22T10:00:00.5Z", "= 2026-11-22T10:00:00.500000Z"),
        ("= 2016-12-31T23:59:60Z", "= 2017-01-01T00:00:00Z"),
    ] {
        let (query, expected) = (format!("started_at {query}"), format!("started_at {expected}"));
        assert_eq!(canonical(&query), expected, "{query}");
        assert_eq!(read(&expected), read(&query), "{query}");
    }
}

#[test]
fn what_has_no_value_passes_only_negative_tests() {
    for query in [
        "name != a",
        "name !~ a",
        "name !^ (a, b)",
        "started_at != today",
        "null? name",
        "not name = a",
        "not a",
    ] {
        assert!(satisfies(query, &[]), "{query}");
    }
    for query in [
        "name = a",
        "name ~ *",
        "name ^ (a)",
        "attempt < 1",
        "started_at = today",
        "has name",
        "a",
        "not name != a",
    ] {
        assert!(!satisfies(query, &[]), "{query}");
    }
}

#[test]
fn values_are_compared_by_their_kind() {
    let row = [
        ("name", text("Web_1.brno.example.com")),
        ("workflow", text("kickstart")),
        ("state", text("failed")),
        ("attempt", Value::Integer(10)),
        ("started_at", Value::Time(at("2026-11-21T23:59:59.999999Z"))),
        ("stalled", Value::Boolean(true)),
    ];
    for query in [
        "name = Web_1.brno.example.com",
        "name != web_1.brno.example.com",
        "name ~ WEB_1",
        "name ~ web*COM",
        "name !~ web-1",
        "name !~ web*brno",
        "BRNO kick",
        "attempt > 9 attempt < 11 attempt >= 10 attempt <= 10",
        "attempt ^ (9, 10)",
        "attempt !^ (9, 11)",
        "state ^ (running, failed)",
        "state ~ fail",
        "started_at = yesterday",
        "not started_at > yesterday",
        "started_at <= yesterday",
        "started_at < today",
        "started_at != today",
        "stalled = yes",
        "stalled != no",
    ] {
        assert!(satisfies(query, &row), "{query}");
    }
    assert!(!satisfies("failed", &row), "a state is not searched by free words");
    assert!(!satisfies("10", &row), "a number is not searched by free words");
}

#[test]
fn a_pattern_reaches_sql_escaped() {
    let sql = |query: &str| match read(query) {
        Expr::FreeText(_, pattern) => pattern.to_sql(),
        other => panic!("{other}"),
    };
    assert_eq!(sql("web"), "%web%");
    assert_eq!(sql("web*"), "web%");
    assert_eq!(sql("*"), "%");
    assert_eq!(sql(r#""""#), "%");
    assert_eq!(sql(r"get_ks\x"), r"%get\_ks\\x%");
}

#[test]
fn nothing_is_a_search_for_everything() {
    assert_eq!(parse("", FIELDS, now()), Ok(None));
    assert_eq!(parse(" \t\r\n ", FIELDS, now()), Ok(None));
}

#[test]
fn an_order_is_one_offered_field_and_a_direction() {
    const SORTABLE: &[&str] = &["started_at", "name"];
    let started_at = |descending| Ok(Some(Order { field: "started_at", descending }));
    assert_eq!(parse_order("started_at", SORTABLE), started_at(false));
    assert_eq!(parse_order(" started_at  ASC ", SORTABLE), started_at(false));
    assert_eq!(parse_order("Started_At desc", SORTABLE), started_at(true));
    assert_eq!(parse_order("  ", SORTABLE), Ok(None));
    for (order, expected) in [
        ("start_at DESC", "unknown sort field 'start_at' at position 0; did you mean 'started_at'?"),
        (" id", "unknown sort field 'id' at position 1; choose one of started_at, name"),
        ("name DOWN", "unknown sort direction 'DOWN' at position 5; write ASC or DESC"),
        ("name ASC, id", "unknown sort direction 'ASC,' at position 5; write ASC or DESC"),
        ("name ASC id", "unexpected 'id' at position 9; a list is sorted by one field"),
    ] {
        assert_eq!(parse_order(order, SORTABLE).expect_err(order).to_string(), expected);
    }
}
