//! `docs/search.md` shows the fields that there are, and its examples can be typed.

use std::{collections::BTreeMap, fs};

use chrono::{DateTime, Utc};
use milepost_domain::search::{self, Field, Kind, parse_order};
use milepost_store::list::{FIELDS, REPORT_FIELDS, SORTABLE};

use crate::{
    documents::{Generated, cells, code, row},
    tree::root,
};

const DOCUMENT: &str = "docs/search.md";

fn kind(field: &Field) -> String {
    match field.kind {
        Kind::Text => "text".to_owned(),
        Kind::Integer => "number".to_owned(),
        Kind::Time => "time".to_owned(),
        Kind::Uuid => "UUID".to_owned(),
        Kind::Boolean => "yes or no".to_owned(),
        Kind::Choice(words) => format!("one of {}", words.join(", ")),
    }
}

/// The table of these fields; what a field means and its example are written by hand and kept.
fn assert_table(name: &str, fields: &'static [Field]) {
    let part = Generated::part(DOCUMENT, name);
    let written: BTreeMap<String, Vec<String>> = part
        .inside
        .lines()
        .filter_map(cells)
        .filter_map(|cells| Some((code(cells.first()?)?.to_owned(), cells)))
        .collect();
    let mut table = row(&["field", "what it is", "kind", "searched by words alone", "example"]);
    table += &row(&["---", "---", "---", "---", "---"]);
    let mut silent = Vec::new();
    for field in fields {
        let names: Vec<String> = field.names().map(|name| format!("`{name}`")).collect();
        let cell =
            |at: usize| written.get(field.name).and_then(|cells| cells.get(at)).cloned().unwrap_or_default();
        let (means, example) = (cell(1), cell(4));
        let query = code(&example).unwrap_or_default().to_owned();
        match search::parse(&query, fields, now()) {
            Ok(Some(_)) if !means.is_empty() && field.names().any(|name| query.contains(name)) => {}
            answer => silent.push(format!("{}: '{means}', example '{query}': {answer:?}", field.name)),
        }
        let alone = if field.free_text { "yes" } else { "no" };
        table += &row(&[&names.join(", "), &means, &kind(field), alone, &example]);
    }
    part.assert_is(&table);
    assert!(silent.is_empty(), "say what these are, with an example that can be read: {silent:#?}");
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000, 0).unwrap()
}

#[test]
fn the_table_of_fields_of_builds_and_hosts_is_the_one_in_the_code() {
    assert_table("fields", FIELDS);
}

#[test]
fn the_table_of_fields_of_reports_is_the_one_in_the_code() {
    assert_table("report fields", REPORT_FIELDS);
}

#[test]
fn the_fields_to_sort_by_are_those_in_the_code() {
    let names: Vec<String> = SORTABLE.iter().map(|name| format!("`{name}`")).collect();
    Generated::part(DOCUMENT, "sortable").assert_is(&format!("{}.", names.join(", ")));
    for field in SORTABLE {
        assert!(parse_order(&format!("{field} DESC"), SORTABLE).unwrap().is_some());
    }
}

#[test]
fn every_example_in_the_document_can_be_typed() {
    let text = fs::read_to_string(root().join(DOCUMENT)).unwrap();
    let (mut last, mut in_block, mut in_reports) = (String::new(), false, false);
    let mut examples = Vec::new();
    for line in text.lines() {
        in_reports = if line.starts_with("## ") { line.contains("report") } else { in_reports };
        if line.starts_with("```") {
            in_block = !in_block;
        } else if in_block {
            examples.push((line.to_owned(), FIELDS));
        } else if let Some(cells) = cells(line) {
            let cell = cells.last().cloned().unwrap_or_default();
            // The first row of a table names its columns.
            if last == "example"
                && let Some(example) = code(&cell)
            {
                let fields = if in_reports { REPORT_FIELDS } else { FIELDS };
                examples.push((example.replace("\\|", "|"), fields));
            } else if !cell.starts_with("---") {
                last = cell;
            }
        } else {
            last.clear();
        }
    }
    assert!(examples.len() > 50, "examples are found: {}", examples.len());
    for (example, fields) in examples {
        assert!(search::parse(&example, fields, now()).is_ok_and(|expr| expr.is_some()), "{example}");
    }
}
