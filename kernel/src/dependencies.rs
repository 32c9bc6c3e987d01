//! Crates that a cell asks for with `:dep`. To see whether one exists, evcxr has cargo resolve it alone, in the session's folder:
//! that empties Cargo.lock of all else. The newest versions of everything would be fetched and compiled then, and each variable of
//! another version's type lost. So Cargo.lock is kept aside, and the cell brings it back before anything is compiled.

use std::fs;
use std::io;
use std::path::Path;

use crate::front::Front;
use crate::loading::package_name;
use crate::session::Session;
use crate::wire::Wire;

impl Front {
    /// The request for a cell that asks for a crate, such that all others keep their versions.
    pub fn with_versions_kept(&self, request: &Wire) -> Option<Wire> {
        let mut content = request.content();
        let own = self.options.crate_folder.as_deref().and_then(package_name);
        let code = keeping_versions(content["code"].as_str()?, own.as_deref(), &self.session)?;
        content["code"] = code.into();
        let mut changed = request.clone();
        changed.set_content(&content);
        Some(changed)
    }
}

/// The cell with the versions brought back behind each `:dep`. None where it asks for no crate but `own`, which is there.
fn keeping_versions(code: &str, own: Option<&str>, session: &Session) -> Option<String> {
    let asks = |line: &str| asked_for(line).is_some_and(|name| Some(name) != own);
    if !code.lines().any(asks) {
        return None;
    }
    let (lock, kept) = (session.work.join("Cargo.lock"), session.private.join("Cargo.lock"));
    match fs::copy(&lock, &kept) {
        Ok(_) => {}
        // There is none before the first build.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            log!("the versions in {} cannot be kept: {error}", lock.display());
            return None;
        }
    }
    let bring_back = format!("!cp {} {}", quoted(&kept), quoted(&lock));
    let lines = code.lines().map(|line| if asks(line) { format!("{line}\n{bring_back}") } else { line.to_owned() });
    Some(lines.collect::<Vec<_>>().join("\n"))
}

/// The crate's name in `:dep name = "1"`.
fn asked_for(line: &str) -> Option<&str> {
    let dependency = line.trim_start().strip_prefix(":dep ")?.trim_start();
    let end = dependency.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-')).unwrap_or(dependency.len());
    Some(&dependency[..end])
}

/// As one word of a shell's.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(folder: &Path) -> Session {
        let work = folder.join("it's");
        fs::create_dir_all(&work).unwrap();
        Session::open(&folder.join("sessions"), &folder.join("warm"), Some(work)).unwrap()
    }

    #[test]
    fn the_versions_are_brought_back_behind_each_crate() {
        let folder = tempfile::tempdir().unwrap();
        let session = session(folder.path());
        assert_eq!(keeping_versions(":dep hex", None, &session), None, "there is nothing to keep");
        fs::write(session.work.join("Cargo.lock"), "versions").unwrap();
        let code = ":dep hex\n:dep ours = { path = \"..\" }\n  :dep rand = \"0.9\"\nlet a = 1;";
        let kept = keeping_versions(code, Some("ours"), &session).unwrap();
        let lines: Vec<&str> = kept.lines().collect();
        assert_eq!(
            (lines[0], lines[2], lines[3], lines[5]),
            (":dep hex", ":dep ours = { path = \"..\" }", "  :dep rand = \"0.9\"", "let a = 1;")
        );
        assert!(lines[1].starts_with("!cp '/") && lines[1].contains(r"/it'\''s/Cargo.lock'"), "{}", lines[1]);
        assert_eq!(fs::read_to_string(session.private.join("Cargo.lock")).unwrap(), "versions");
        session.remove();
    }

    #[test]
    fn other_cells_stay_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let session = session(folder.path());
        fs::write(session.work.join("Cargo.lock"), "versions").unwrap();
        for code in [":dep ours = { path = \"..\" }", "let dep = 1;", ":deps", "// :dep hex"] {
            assert_eq!(keeping_versions(code, Some("ours"), &session), None, "{code}");
        }
        session.remove();
    }
}
