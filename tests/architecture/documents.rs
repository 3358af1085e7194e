//! Parts of documents that are made from the code.
//!
//! `EXPECTORATE=overwrite cargo test -p milepost-tests --test architecture` writes them anew.

use std::{
    fs,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::tree::root;

/// A part of a document between its two marks.
pub(crate) struct Generated {
    path: String,
    before: String,
    /// What stands there now.
    pub(crate) inside: String,
    after: String,
    /// Two parts of one document are not to be written at once.
    _turn: MutexGuard<'static, ()>,
}

static TURN: Mutex<()> = Mutex::new(());

const END: &str = "<!-- /generated -->";

impl Generated {
    /// The part of that name of a document.
    #[track_caller]
    pub(crate) fn part(path: &str, name: &str) -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let text = fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        let start = format!("<!-- generated: {name} -->");
        let (before, rest) =
            text.split_once(&start).unwrap_or_else(|| panic!("{path} has no part '{start}'"));
        let (inside, after) =
            rest.split_once(END).unwrap_or_else(|| panic!("{path}: '{start}' has no end '{END}'"));
        Self {
            path: path.to_owned(),
            before: format!("{before}{start}"),
            inside: inside.trim().to_owned(),
            after: format!("{END}{after}"),
            _turn: turn,
        }
    }

    /// Expects that this stands there, or writes it there when asked to.
    #[track_caller]
    pub(crate) fn assert_is(&self, inside: &str) {
        let whole = format!("{}\n\n{}\n\n{}", self.before, inside.trim_end(), self.after);
        expectorate::assert_contents(root().join(&self.path), &whole);
    }
}

/// The cells of a row of a table; `None` for any other line.
pub(crate) fn cells(line: &str) -> Option<Vec<String>> {
    let row = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    // An escaped bar belongs to its cell.
    let row = row.replace("\\|", "\u{0}");
    Some(row.split('|').map(|cell| cell.trim().replace('\u{0}', "\\|")).collect())
}

/// A row of a table.
pub(crate) fn row(cells: &[impl AsRef<str>]) -> String {
    let cells: Vec<&str> = cells.iter().map(AsRef::as_ref).collect();
    format!("| {} |\n", cells.join(" | "))
}

/// The text in the first pair of backticks.
pub(crate) fn code(cell: &str) -> Option<&str> {
    cell.split('`').nth(1)
}

#[test]
fn a_row_reads_back_as_its_cells() {
    let parts = ["`a`", "", "x \\| y"];
    assert_eq!(cells(row(&parts).trim()).unwrap(), parts);
    assert_eq!(code("`a`, `b`"), Some("a"));
    assert_eq!(cells("no row"), None);
}
