//! Corrects the locations in evcxr's compile errors. evcxr always names the first line of the cell, by its own count;
//! the lines below show the right location.

use serde_json::Value;

/// Names the cell, line and column if the report shows them.
pub fn place(content: &mut Value, count: u32) {
    let Some(lines) = content["traceback"].as_array_mut() else { return };
    let plain: Vec<String> = lines.iter().map(|line| without_colours(line.as_str().unwrap_or_default())).collect();
    let Some(head) = plain.iter().position(|line| line.contains("─[ command_")) else { return };
    let Some((line, column)) = plain[head + 1..].windows(2).find_map(|pair| marked(&pair[0], &pair[1])) else { return };
    let Some(text) = lines[head].as_str() else { return };
    let Some((before, named)) = text.split_once("command_") else { return };
    let rest = named.trim_start_matches(|c: char| c.is_ascii_digit() || c == ':');
    lines[head] = format!("{before}command_{count}:{line}:{column}{rest}").into();
}

/// The number of a line of code, and the first column marked in the line below it.
fn marked(code: &str, marks: &str) -> Option<(usize, usize)> {
    let (number, _) = code.split_once('│')?;
    let (before, marks) = marks.split_once('│')?;
    let line = number.trim().parse().ok().filter(|_| before.trim().is_empty())?;
    let column = marks.chars().position(|mark| mark != ' ')?;
    // A space separates the frame from the code.
    marks.contains(['─', '┬', '│']).then_some((line, column))
}

fn without_colours(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let first = parts.next().unwrap_or_default();
    let rest = parts.map(|part| part.split_once('m').map_or(part, |(_, text)| text));
    [first].into_iter().chain(rest).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_report_names_its_place() {
        let head = "\u{1b}[38;5;246m   ╭\u{1b}[0m\u{1b}[38;5;246m─\u{1b}[0m[ command_5:1:1 ]";
        let mut content = json!({"traceback": [
            "[E0308] Error: mismatched types", head, "   │",
            " \u{1b}[38;5;246m4 │\u{1b}[0m let two: i32 = \"text\";", "   │          ─┬─   ───┬──", "   │           ╰── expected",
        ]});
        content["traceback"][1] = head.replace("\u{1b}[0m[", "[").into();
        place(&mut content, 3);
        assert!(content["traceback"][1].as_str().unwrap().ends_with("[ command_3:4:10 ]"), "{content}");
    }

    #[test]
    fn other_errors_stay_as_they_are() {
        for lines in [json!([]), json!(["Subprocess terminated"]), json!(["╭─[ command_5:1:1 ]", "no code │"])] {
            let mut content = json!({"traceback": lines});
            place(&mut content, 3);
            assert_eq!(content["traceback"], lines);
        }
    }
}
