//! One line of the doctor's report.

use serde::Deserialize;

use crate::trouble::Trouble;
use crate::ui;

/// What mends most things.
pub const SETUP: &str = "cargo xtask setup";

pub fn setup_or(command: &str) -> String {
    format!("{command} (every task does it first)")
}

/// Of a detail, in characters: room for a list of packages, and none for all that a loader may have to say.
const LONGEST: usize = 300;

/// One part. The form that `ddpm doctor --json` prints its own parts in.
#[derive(Debug, Clone, Deserialize)]
pub struct Part {
    pub part: String,
    pub ok: bool,
    pub version: String,
    pub detail: String,
    /// What mends it.
    #[serde(default)]
    pub mend: String,
    /// Nice to have: its absence fails nothing.
    #[serde(default)]
    pub optional: bool,
}

impl Part {
    pub fn ok(part: &str, version: impl Into<String>, detail: impl Into<String>) -> Self {
        let (version, detail) = (version.into(), detail.into());
        Self { part: part.to_owned(), ok: true, version, detail, mend: String::new(), optional: false }
    }

    pub fn bad(part: &str, detail: impl Into<String>, mend: impl Into<String>) -> Self {
        let (detail, mend) = (detail.into(), mend.into());
        Self { part: part.to_owned(), ok: false, version: String::new(), detail, mend, optional: false }
    }

    pub fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// The failure that the set-up itself would report.
    pub fn from_error(part: &str, error: &anyhow::Error) -> Self {
        match error.downcast_ref::<Trouble>() {
            Some(trouble) => Self::bad(part, &trouble.what, &trouble.todo),
            None => Self::bad(part, format!("{error:#}"), SETUP),
        }
    }

    /// What stands in the column of versions, which no part leaves empty.
    fn shown_version(&self) -> &str {
        if self.version.is_empty() { "none" } else { &self.version }
    }

    pub fn print(&self) {
        let mark = match (self.ok, self.optional) {
            (true, _) => ui::green("ok"),
            (false, true) => ui::dim("--"),
            (false, false) => ui::red("✗ "),
        };
        println!(
            "  {mark}  {:<18} {:<14} {}",
            self.part,
            self.shown_version(),
            ui::dim(&ui::cut(&self.detail, LONGEST))
        );
        if !self.ok && !self.mend.is_empty() {
            println!("      {:<18} {:<14} {}", "", "", ui::bold(&format!("→ {}", self.mend)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_programs_own_report_is_read() {
        let json = r#"[{"part": "libtorch loaded", "ok": true, "version": "2.11.0", "detail": "8 threads"}]"#;
        let parts: Vec<Part> = serde_json::from_str(json).unwrap();
        assert!(parts[0].ok && !parts[0].optional && parts[0].mend.is_empty());
    }

    #[test]
    fn a_part_has_a_version_or_says_that_it_has_none() {
        assert_eq!(Part::ok("a", "1.2", "").shown_version(), "1.2");
        assert_eq!(Part::bad("a", "not there", "").shown_version(), "none");
    }

    #[test]
    fn a_trouble_says_what_mends_it() {
        let part = Part::from_error("Python", &Trouble::new("none", "install it").into());
        assert_eq!((part.ok, part.mend.as_str()), (false, "install it"));
    }
}
