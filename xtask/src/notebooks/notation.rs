//! The table of symbols appears twice: on the crate's first page and at the beginning of a notebook. This checks that
//! both name the same code.

use std::fs;

use anyhow::{Context, Result};

use super::document::Document;
use crate::project::Project;

/// The compared column. The others differ: symbols are TeX in one table and Unicode in the other, and meanings are
/// longer in one.
const COLUMN: &str = "in code";
const PAGE: &str = "src/lib.rs";

/// One fault for each name in the notebook's table that is not in the crate's. A notebook without a table has none.
pub fn faults(project: &Project, notebook: &Document) -> Result<Vec<String>> {
    let path = project.root.join(PAGE);
    let page = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let page: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("//!")).collect();
    let known = names_in(&page.join("\n"));
    let unknown = names_of(notebook).into_iter().filter(|name| !known.contains(name));
    let fault = |name| {
        format!(
            "its table of symbols has `{name}`, but the one in {PAGE} (# Notation) does not: use the same name in both"
        )
    };
    Ok(unknown.map(fault).collect())
}

fn names_of(notebook: &Document) -> Vec<String> {
    notebook.cells.iter().filter(|cell| cell.kind == "markdown").flat_map(|cell| names_in(&cell.source)).collect()
}

/// The text between backquotes in this column of every table that has it.
fn names_in(markdown: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut column = None;
    for line in markdown.lines().map(str::trim) {
        let Some(row) = line.strip_prefix('|') else {
            column = None;
            continue;
        };
        let mut cells = row.split('|').map(str::trim);
        match column {
            // If the first row of a table lacks the column, so do the rows after it.
            None => column = cells.position(|head| head == COLUMN),
            Some(column) => {
                let spans = cells.nth(column).unwrap_or_default().split('`').skip(1).step_by(2);
                names.extend(spans.map(str::to_owned));
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stamp;

    #[test]
    fn the_committed_tables_agree() {
        let project = Project::locate();
        let notebook = Document::read(&project.notebooks().join("01_swiss_roll.ipynb")).unwrap();
        assert!(names_of(&notebook).contains(&"alpha_bar".to_owned()), "notebook 01 has no table of symbols");
        assert_eq!(faults(&project, &notebook).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn a_name_that_the_crate_does_not_have_is_a_fault() {
        let folder = tempfile::tempdir().unwrap();
        let project = Project { root: folder.path().into() };
        let write =
            |path: &str, text: &str| stamp::write_atomically(&project.root.join(path), text.as_bytes()).unwrap();
        let table = r"| symbol | in code | meaning |\n|---|---|---|\n| β | `beta`, `b_t` | `variance` |\n\n`words`";
        write("notebooks/01_a.ipynb", &format!(r#"{{"cells": [{{"cell_type": "markdown", "source": "{table}"}}]}}"#));
        let notebook = Document::read(&project.notebooks().join("01_a.ipynb")).unwrap();
        let faults = || faults(&project, &notebook).unwrap();
        write(PAGE, "//! | in code | in papers |\n//! |---|---|\n//! | `beta` | β_t |\n//!\n//! `b_t`\npub mod b_t;\n");
        assert_eq!(faults().len(), 1, "{:?}", faults());
        assert!(faults()[0].contains("`b_t`") && faults()[0].contains("src/lib.rs"));
        write(PAGE, "//! No table.\n");
        assert_eq!(faults().len(), 2);
    }
}
