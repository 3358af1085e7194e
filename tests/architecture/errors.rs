//! `docs/errors.md` lists every code that a problem can have.

use milepost_api::problem::Code;

use crate::documents::{Generated, row};

#[test]
fn the_table_of_errors_is_the_one_in_the_code() {
    let mut table = row(&["code", "status", "title", "when, and what to do"]);
    table += &row(&["---", "---", "---", "---"]);
    for code in Code::ALL {
        let status = code.status().as_u16().to_string();
        table += &row(&[&format!("`{}`", code.as_str()), &status, code.title(), code.meaning()]);
    }
    Generated::part("docs/errors.md", "errors").assert_is(&table);
}

#[test]
fn every_code_is_one_word_of_its_own() {
    let mut words: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert!(words.iter().all(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '_')), "{words:?}");
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), Code::ALL.len());
}
