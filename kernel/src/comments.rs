//! Removes comments behind the last expression of a cell. evcxr shows the value of an expression at the end of a cell,
//! but not if a comment follows it.

use ra_ap_rustc_lexer::{FrontmatterAllowed, TokenKind, tokenize};

/// The cell without its trailing comments, but with their line breaks. None if it has no such comments.
pub fn without_the_last(code: &str) -> Option<String> {
    let start = code.len() - rust_of(code).len();
    // Only comments and whitespace follow the last token.
    let (mut at, mut end, mut comments) = (start, start, false);
    for token in tokenize(&code[start..], FrontmatterAllowed::No) {
        at += token.len as usize;
        match token.kind {
            TokenKind::Whitespace => {}
            TokenKind::LineComment { .. } | TokenKind::BlockComment { terminated: true, .. } => comments = true,
            _ => (end, comments) = (at, false),
        }
    }
    // A cell of only comments has no value, and an unterminated comment is left for the compiler to report.
    if !comments || end == start {
        return None;
    }
    let lines = code[end..].chars().filter(|character| *character == '\n').collect::<String>();
    Some(code[..end].to_owned() + &lines)
}

/// evcxr's commands and shell commands come before the Rust code of a cell.
fn rust_of(code: &str) -> &str {
    let mut rest = code;
    while let Some(line) = rest.split_inclusive('\n').next() {
        let text = line.trim_start();
        if !(line.starts_with('!') || text.starts_with(':') || text.starts_with("//") || text.trim_end().is_empty()) {
            break;
        }
        rest = &rest[line.len()..];
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_at_the_end_go_and_nothing_else() {
        let without = |code| without_the_last(code).unwrap_or_else(|| "as it was".to_owned());
        assert_eq!(without("6 * 7 // the answer"), "6 * 7");
        assert_eq!(
            without(":dep hex // a\n// b\n6 * 7 /* the\n/* nested */ answer */\n// and more\n"),
            ":dep hex // a\n// b\n6 * 7\n\n\n"
        );
        assert_eq!(without("let a = 1; // one\na"), "as it was");
        for code in
            ["", "// nothing", ":dep hex", "\"// a text\"", "r#\"\"// \"#", "6 /* open", "!echo 'it' // x\n", "a\n"]
        {
            assert_eq!(without(code), "as it was", "{code}");
        }
        assert_eq!(without("!echo \"\n'x' // x"), "!echo \"\n'x'");
    }
}
