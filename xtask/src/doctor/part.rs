//! One line of the doctor's report.

use anyhow::Result;
use serde::Deserialize;

use crate::failure::Failure;
use crate::ui;

/// The command that repairs most parts.
pub const SETUP: &str = "cargo xtask setup";

/// The longest detail, in characters: enough for a list of packages, but not for a loader's full output.
const MAX_DETAIL: usize = 300;

/// A part, in the format of `ddpm doctor --json`.
#[derive(Debug, Clone, Deserialize)]
pub struct Part {
    pub part: String,
    pub ok: bool,
    pub version: String,
    pub detail: String,
    /// The command that repairs it.
    #[serde(default)]
    pub fix: String,
    /// Nice to have: the check passes without it.
    #[serde(default)]
    pub optional: bool,
}

/// The version and a detail of a working part, or the error that the set-up itself would report.
pub type Found = Result<(String, String)>;

pub fn found(version: impl Into<String>, detail: impl Into<String>) -> Found {
    Ok((version.into(), detail.into()))
}

impl Part {
    pub fn of(part: &str, found: Found) -> Self {
        let ok = found.is_ok();
        let (version, detail, fix) = match found {
            Ok((version, detail)) => (version, detail, String::new()),
            Err(error) => match error.downcast::<Failure>() {
                Ok(Failure { what, todo }) => (String::new(), what, todo),
                Err(error) => (String::new(), format!("{error:#}"), SETUP.to_owned()),
            },
        };
        Self { part: part.to_owned(), ok, version, detail, fix, optional: false }
    }

    pub fn print(&self) {
        let mark = match (self.ok, self.optional) {
            (true, _) => ui::green("ok"),
            (false, true) => ui::dim("--"),
            (false, false) => ui::red("✗ "),
        };
        let version = if self.version.is_empty() { "none" } else { &self.version };
        println!("  {mark}  {:<18} {version:<14} {}", self.part, ui::dim(&ui::cut(&self.detail, MAX_DETAIL)));
        if !self.ok {
            println!("{:40}{}", "", ui::bold(&format!("→ {}", self.fix)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::fail;

    #[test]
    fn the_command_lines_report_is_read() {
        let json = r#"[{"part": "libtorch loaded", "ok": true, "version": "2.11.0", "detail": "8 threads"}]"#;
        let parts: Vec<Part> = serde_json::from_str(json).unwrap();
        assert!(parts[0].ok && !parts[0].optional && parts[0].fix.is_empty());
    }

    #[test]
    fn an_error_says_how_to_fix_it() {
        let part = Part::of("Python", fail("none", "install it"));
        assert_eq!((part.ok, part.detail.as_str(), part.fix.as_str()), (false, "none", "install it"));
        assert_eq!(Part::of("Python", Err(anyhow::anyhow!("odd"))).fix, SETUP);
        assert!(Part::of("Python", found("3.11", ".venv")).ok);
    }
}
