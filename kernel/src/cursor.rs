//! Converts cursor positions. Jupyter counts code points, evcxr grapheme clusters: a family emoji is seven code points, but one cluster.

use serde_json::Value;
use unicode_segmentation::UnicodeSegmentation;

/// Converts the position in a request to evcxr's. evcxr reads a name up to the position; `whole` moves it to the end of the name.
pub fn to_evcxr(content: &mut Value, whole: bool) {
    let code = content["code"].as_str().unwrap_or_default();
    if let Some(points) = content["cursor_pos"].as_u64() {
        let behind = code.chars().skip(points as usize);
        let rest = if whole { behind.take_while(|c| c.is_alphanumeric() || *c == '_').count() } else { 0 };
        content["cursor_pos"] = characters(code, points as usize + rest).into();
    }
}

/// Converts the positions in evcxr's reply to a request about `code` to Jupyter's.
pub fn from_evcxr(content: &mut Value, code: &str) {
    for place in ["cursor_start", "cursor_end"] {
        turn(content, place, code);
    }
    let types = content.pointer_mut("/metadata/_jupyter_types_experimental").and_then(Value::as_array_mut);
    for kind in types.into_iter().flatten() {
        turn(kind, "start", code);
        turn(kind, "end", code);
    }
}

fn turn(content: &mut Value, place: &str, code: &str) {
    if let Some(characters) = content[place].as_u64() {
        content[place] = points(code, characters as usize).into();
    }
}

fn characters(code: &str, points: usize) -> usize {
    let end = code.char_indices().nth(points).map_or(code.len(), |(at, _)| at);
    code.grapheme_indices(true).take_while(|(at, character)| at + character.len() <= end).count()
}

fn points(code: &str, characters: usize) -> usize {
    code.graphemes(true).take(characters).map(|character| character.chars().count()).sum()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn places_are_turned_there_and_back() {
        // A family of seven code points, a flag of two, and a letter with a combining accent.
        let code = "\"👨‍👩‍👧‍👦🇩🇪e\u{301}\".le";
        assert_eq!(
            (characters(code, 0), characters(code, 8), characters(code, 10), characters(code, 12)),
            (0, 2, 3, 4)
        );
        for place in [0, 1, 8, 10, 12, 13, 16] {
            assert_eq!(points(code, characters(code, place)), place);
        }
        // A position inside a cluster becomes its beginning, and one beyond the end becomes the end.
        assert_eq!((characters(code, 11), characters(code, 99), points(code, 99)), (3, 8, 16));
        let mut content = json!({"code": "s.len()", "cursor_pos": 3});
        to_evcxr(&mut content, false);
        assert_eq!(content["cursor_pos"], 3);
        to_evcxr(&mut content, true);
        assert_eq!(content["cursor_pos"], 5);
        let mut content =
            json!({"cursor_start": 6, "cursor_end": 8, "metadata": {"_jupyter_types_experimental": [{"start": 6}]}});
        from_evcxr(&mut content, code);
        assert_eq!((content["cursor_start"].as_u64(), content["cursor_end"].as_u64()), (Some(14), Some(16)));
        assert_eq!(content["metadata"]["_jupyter_types_experimental"][0]["start"], 14);
    }
}
