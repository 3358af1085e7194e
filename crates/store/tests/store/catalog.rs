//! What the code says of the schema, held against the catalog.

use diesel::PgConnection;
use milepost_domain::{
    Scope, State,
    registry::{Mode, SECONDS_MAX},
    report::PRIORITY_MAX,
};
use milepost_store::{
    constraint::{MEANINGS, meaning},
    delivery,
    hook::Format,
    token::Kind,
};
use milepost_testkit::Database;

use crate::sql::{assert_same_lines, lines};

const SCHEMA: &str = include_str!("../../src/schema.rs");

#[test]
fn every_constraint_and_unique_index_has_a_meaning_and_the_other_way_round() {
    let mut connection = Database::new().connect();
    let known = lines(
        &mut connection,
        "SELECT conname::text AS line FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
         WHERE t.relnamespace = 'public'::regnamespace AND contype IN ('c', 'f', 'p', 'u')
             AND NOT t.relispartition AND t.relname !~ '^__diesel'
         UNION
         SELECT i.relname::text FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
         WHERE i.relnamespace = 'public'::regnamespace AND x.indisunique
             AND NOT i.relispartition AND i.relname !~ '^__diesel'",
    );
    let told: Vec<String> = MEANINGS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_same_lines(("in the catalog", &known), ("in constraint.rs", &told));
}

#[test]
fn no_partition_has_a_constraint_that_the_whole_has_not() {
    let mut connection = Database::new().connect();
    milepost_store::partition::ensure(&mut connection, crate::support::start(), 1).unwrap();
    let own = lines(
        &mut connection,
        "SELECT conname::text AS line FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
         WHERE t.relispartition AND coninhcount = 0",
    );
    assert!(own.is_empty(), "{own:?}");
}

#[test]
fn a_constraint_of_a_partition_means_what_it_means_on_the_whole() {
    let mut connection = Database::new().connect();
    milepost_store::partition::ensure(&mut connection, crate::support::start(), 1).unwrap();
    let pairs = lines(
        &mut connection,
        "SELECT part.conname || ' ' || whole.conname AS line
         FROM pg_constraint part JOIN pg_constraint whole ON whole.oid = part.conparentid",
    );
    assert_eq!(pairs.len(), 8, "the keys of two tables, by default and of three days: {pairs:?}");
    for pair in pairs {
        let (part, whole) = pair.split_once(' ').unwrap();
        assert_eq!(meaning(part), meaning(whole), "{part}");
    }
}

/// The definition of a CHECK.
fn check(connection: &mut PgConnection, name: &str) -> String {
    let sql = format!("SELECT pg_get_constraintdef(oid) AS line FROM pg_constraint WHERE conname = '{name}'");
    lines(connection, &sql).pop().unwrap_or_else(|| panic!("no constraint {name}"))
}

/// The words in single quotes.
fn words(definition: &str) -> Vec<String> {
    definition.split('\'').skip(1).step_by(2).map(ToOwned::to_owned).collect()
}

const CHECKED_WORDS: &[(&str, &[&str])] = &[
    ("workflows_registry_check", Mode::WORDS),
    ("tokens_scope_check", Scope::WORDS),
    ("tokens_kind_check", Kind::WORDS),
    ("told_state_check", State::WORDS),
    ("hooks_format_check", Format::WORDS),
    ("deliveries_state_check", delivery::State::WORDS),
];

#[test]
fn every_check_of_words_lists_those_of_the_domain() {
    let mut connection = Database::new().connect();
    for (name, expected) in CHECKED_WORDS {
        assert_eq!(words(&check(&mut connection, name)), *expected, "{name}");
    }
    let others = lines(
        &mut connection,
        "SELECT DISTINCT conname::text AS line FROM pg_constraint
         WHERE connamespace = 'public'::regnamespace AND contype = 'c' AND pg_get_constraintdef(oid) LIKE '%''%'",
    );
    let known: Vec<String> = CHECKED_WORDS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_same_lines(("in the catalog", &others), ("compared here", &known));
}

#[test]
fn every_check_of_a_range_is_that_of_the_domain() {
    let mut connection = Database::new().connect();
    let (priority, seconds) = (i64::from(PRIORITY_MAX), i64::from(SECONDS_MAX));
    for (name, (low, high)) in [
        ("steps_priority_check", (0, priority)),
        ("steps_weight_seconds_check", (0, seconds)),
        ("steps_timeout_seconds_check", (1, seconds)),
    ] {
        let definition = check(&mut connection, name);
        assert!(definition.contains(&format!(">= {low})")), "{name}: {definition}");
        assert!(definition.contains(&format!("<= {high})")), "{name}: {definition}");
    }
}

/// PostgreSQL reads the text of each check anew for each statement, a tenth of what a small batch costs.
#[test]
fn no_table_on_the_path_of_a_report_has_a_check() {
    let checks = lines(
        &mut Database::new().connect(),
        "SELECT conname::text AS line FROM pg_constraint WHERE contype = 'c'
         AND conrelid IN ('builds'::regclass, 'step_runs'::regclass, 'reports'::regclass, 'report_logs'::regclass)",
    );
    assert_eq!(checks, Vec::<String>::new());
}

/// PostgreSQL's word for a type of `schema.rs`.
fn type_in_sql(diesel: &str) -> &'static str {
    match diesel {
        "Uuid" => "uuid",
        "Text" => "text",
        "Int8" => "bigint",
        "Int2" => "smallint",
        "Int4" => "integer",
        "Timestamptz" => "timestamp with time zone",
        "Bytea" => "bytea",
        "Jsonb" => "jsonb",
        "Bool" => "boolean",
        "Array<Text>" => "ARRAY",
        other => panic!("this test does not know the type {other}"),
    }
}

/// The tables of `schema.rs`, a line for each column and each key.
fn tables_in_code() -> Vec<String> {
    let mut table = "";
    let mut found = Vec::new();
    for line in SCHEMA.lines().map(str::trim) {
        if let Some((column, kind)) = line.strip_suffix(',').and_then(|line| line.split_once(" -> ")) {
            let nullable = kind.strip_prefix("Nullable<").and_then(|kind| kind.strip_suffix('>'));
            let suffix = if nullable.is_some() { "" } else { " not null" };
            found.push(format!("{table}.{column} {}{suffix}", type_in_sql(nullable.unwrap_or(kind))));
        } else if let Some((name, key)) = line.strip_suffix(") {").and_then(|line| line.split_once(" (")) {
            table = name;
            found.push(format!("{table} has the key ({key})"));
        }
    }
    found
}

#[test]
fn the_tables_in_code_are_those_of_the_catalog() {
    let mut connection = Database::new().connect();
    let catalog = lines(
        &mut connection,
        "SELECT format('%s.%s %s%s', table_name, column_name, data_type,
             CASE is_nullable WHEN 'NO' THEN ' not null' ELSE '' END) AS line
         FROM information_schema.columns JOIN pg_class c ON c.oid = table_name::regclass
         WHERE table_schema = 'public' AND NOT c.relispartition AND table_name !~ '^__diesel'
         UNION ALL
         SELECT format('%s has the key %s', conrelid::regclass,
             replace(pg_get_constraintdef(p.oid), 'PRIMARY KEY ', ''))
         FROM pg_constraint p JOIN pg_class c ON c.oid = conrelid
         WHERE contype = 'p' AND connamespace = 'public'::regnamespace
             AND NOT c.relispartition AND c.relname !~ '^__diesel'",
    );
    assert_same_lines(("in the catalog", &catalog), ("in schema.rs", &tables_in_code()));
}

#[test]
fn every_foreign_key_has_an_index_that_starts_with_its_columns() {
    let mut connection = Database::new().connect();
    let bare = lines(
        &mut connection,
        "SELECT conname::text AS line FROM pg_constraint f
         WHERE contype = 'f' AND connamespace = 'public'::regnamespace AND NOT EXISTS (
             SELECT FROM pg_index x WHERE x.indrelid = f.conrelid AND x.indpred IS NULL
                 AND (x.indkey::int2[])[0:cardinality(f.conkey) - 1] @> f.conkey)",
    );
    assert!(bare.is_empty(), "foreign keys without an index: {bare:?}");
}
