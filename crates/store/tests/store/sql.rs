//! Looks past the store, at what PostgreSQL itself holds.

use std::collections::BTreeSet;

use diesel::{PgConnection, QueryableByName, RunQueryDsl as _, sql_query, sql_types};

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = sql_types::Text)]
    line: String,
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = sql_types::BigInt)]
    number: i64,
}

/// The column `line` of each row.
#[track_caller]
pub(crate) fn lines(connection: &mut PgConnection, sql: &str) -> Vec<String> {
    let rows: Vec<Line> = sql_query(sql).load(connection).unwrap();
    rows.into_iter().map(|row| row.line).collect()
}

/// How many rows `from` has, for example `reports WHERE label = 'built'`.
#[track_caller]
pub(crate) fn count(connection: &mut PgConnection, from: &str) -> i64 {
    number(connection, &format!("count(*) FROM {from}"))
}

/// The number that `SELECT` of this has.
#[track_caller]
pub(crate) fn number(connection: &mut PgConnection, select: &str) -> i64 {
    let expression = select.split_once(" FROM ").unwrap();
    let sql = format!("SELECT ({})::bigint AS number FROM {}", expression.0, expression.1);
    sql_query(sql).get_result::<Number>(connection).unwrap().number
}

#[track_caller]
pub(crate) fn run(connection: &mut PgConnection, sql: &str) {
    sql_query(sql).execute(connection).unwrap();
}

/// A text as a literal.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Fails with what is on one side only.
#[track_caller]
pub(crate) fn assert_same_lines(left: (&str, &[String]), right: (&str, &[String])) {
    let only = |these: &[String], those: &[String]| -> Vec<String> {
        let those: BTreeSet<&String> = those.iter().collect();
        these.iter().filter(|line| !those.contains(line)).cloned().collect()
    };
    let (missing, added) = (only(left.1, right.1), only(right.1, left.1));
    assert!(
        missing.is_empty() && added.is_empty(),
        "only {}:\n  {}\nonly {}:\n  {}",
        left.0,
        missing.join("\n  "),
        right.0,
        added.join("\n  ")
    );
    assert_eq!(left.1.len(), right.1.len(), "a line stands twice {} or {}", left.0, right.0);
}
