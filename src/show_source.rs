//! `show_source`: the crate's own code in a notebook cell, taken from the files that are compiled.

use ddpm_utils::display::Html;
use ddpm_utils::highlight::highlight_rust;

use crate::error::{Error, Result};

/// The rooms that a reader may want to look into.
const FILES: [&str; 11] = [
    include_str!("forward.rs"),
    include_str!("training.rs"),
    include_str!("sampling.rs"),
    include_str!("schedule.rs"),
    include_str!("networks/fnn.rs"),
    include_str!("networks/time_embedding.rs"),
    include_str!("networks/unet/residual.rs"),
    include_str!("networks/unet/attention.rs"),
    include_str!("optim.rs"),
    include_str!("ema.rs"),
    include_str!("metrics.rs"),
];

/// The source of a function or a type of this crate, highlighted, for a notebook cell to show.
///
/// ```
/// use ddpm_tutor::prelude::*;
/// let html = show_source("forward_diffusion")?;
/// assert!(html.0.contains("sqrt_alpha_cumulative_at"));
/// # Ok::<(), Error>(())
/// ```
///
/// # Errors
/// [`Error::Unsupported`] with the names that can be shown.
pub fn show_source(name: &str) -> Result<Html> {
    let source = FILES.iter().find_map(|file| item(file, name));
    let known = || {
        let mut names: Vec<&str> = FILES.iter().flat_map(|file| file.lines().filter_map(declared)).collect();
        names.sort_unstable();
        names.dedup();
        Error::Unsupported(format!("there is no item {name:?} to show; there are: {}", names.join(", ")))
    };
    source.map(|source| Html(highlight_rust(&source))).ok_or_else(known)
}

/// The name that a line declares, if it begins an item.
fn declared(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let line =
        ["pub(crate) ", "pub(super) ", "pub "].iter().find_map(|public| line.strip_prefix(public)).unwrap_or(line);
    let rest = ["fn ", "struct ", "enum ", "trait "].iter().find_map(|keyword| line.strip_prefix(keyword))?;
    rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().filter(|name| !name.is_empty())
}

/// The lines of the item `name` with its comments. Formatted code closes an item with a brace below its first letter.
fn item(file: &str, name: &str) -> Option<String> {
    let code = file.split("#[cfg(test)]").next()?;
    let lines: Vec<&str> = code.lines().collect();
    let declaration = lines.iter().position(|line| declared(line) == Some(name))?;
    let indent = lines[declaration].len() - lines[declaration].trim_start().len();
    let above = |line: &&str| line.trim_start().starts_with("///") || line.trim_start().starts_with("#[");
    let start = declaration - lines[..declaration].iter().rev().take_while(|line| above(line)).count();
    let closing = format!("{}}}", " ".repeat(indent));
    let ends =
        |line: &&str| **line == closing || (line.ends_with(';') && line.len() - line.trim_start().len() == indent);
    let end = declaration + lines[declaration..].iter().position(ends)?;
    Some(lines[start..=end].iter().map(|line| format!("{}\n", line.get(indent..).unwrap_or_default())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_comes_with_its_comments_and_its_end() {
        let source = FILES.iter().find_map(|file| item(file, "forward_diffusion")).unwrap();
        assert!(source.starts_with("/// Adds the noise") && source.ends_with("Ok((x_t, eps))\n}\n"), "{source}");
        let method = FILES.iter().find_map(|file| item(file, "predict_noise")).unwrap();
        assert!(method.starts_with("fn predict_noise") && method.contains("time_embedding") && method.ends_with("h)\n}\n"), "{method}");
    }

    #[test]
    fn every_name_in_a_notebook_s_reach_is_found() {
        for name in [
            "train_one_epoch",
            "generate_samples",
            "betas",
            "Fnn",
            "TimeEmbedding",
            "AdamW",
            "sliced_wasserstein",
            "before_attention",
            "Attention",
        ] {
            assert!(show_source(name).is_ok(), "{name}");
        }
        let message = show_source("no_such_thing").err().unwrap().to_string();
        assert!(message.contains("forward_diffusion"), "{message}");
    }
}
