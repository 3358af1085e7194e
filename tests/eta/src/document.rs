//! Writes the tables into docs/estimates.md, between the prose.
//!
//! The rule it protects: a figure in the document was printed by the command that stands beside it.

use std::{
    fs,
    path::{Path, PathBuf},
};

const END: &str = "<!-- /generated -->";

/// Where the document is.
fn path() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new("."));
    root.join("docs/estimates.md")
}

/// The document with what stands between the marks of one part replaced.
fn with_part(text: &str, name: &str, inside: &str) -> Result<String, String> {
    let start = format!("<!-- generated: {name} -->");
    let (before, rest) = text.split_once(&start).ok_or_else(|| format!("there is no mark '{start}'"))?;
    let (_, after) = rest.split_once(END).ok_or_else(|| format!("'{start}' has no end '{END}'"))?;
    Ok(format!("{before}{start}\n\n{}\n\n{END}{after}", inside.trim()))
}

/// Writes all parts.
///
/// # Errors
/// What is wrong with the document, or with the disk.
pub(crate) fn write(parts: &[(&str, String)]) -> Result<PathBuf, String> {
    let path = path();
    let wrong = |what: String| format!("{}: {what}", path.display());
    let mut text = fs::read_to_string(&path).map_err(|error| wrong(error.to_string()))?;
    for (name, inside) in parts {
        text = with_part(&text, name, inside).map_err(wrong)?;
    }
    fs::write(&path, text).map_err(|error| wrong(error.to_string()))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_marks_changes() {
        let text = "a\n<!-- generated: x -->\nold\n<!-- /generated -->\nb\n";
        let new = with_part(text, "x", "new\n").unwrap();
        assert_eq!(new, "a\n<!-- generated: x -->\n\nnew\n\n<!-- /generated -->\nb\n");
        assert_eq!(with_part(&new, "x", "new").unwrap(), new);
        assert!(with_part(text, "y", "new").unwrap_err().contains("generated: y"));
    }
}
