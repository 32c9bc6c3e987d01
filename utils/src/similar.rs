//! The name that was meant by one that there is not.

/// Of `known`, the name that `name` is most likely a slip of; none where all are quite different. Upper and lower case are
/// the same, and so are `swiss-roll`, `swiss_roll` and `SwissRoll`. Of names equally near it is the first.
pub fn similar<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = letters(name);
    // A third of the letters may differ, as the Rust compiler has it; a name may also be cut short.
    let most = name.len().max(3) / 3;
    let distance = |known: &str| {
        let known = letters(known);
        let distance = edits(&name, &known);
        if distance <= most {
            Some(distance)
        } else {
            (name.len() >= 4 && known.starts_with(&name)).then_some(most + 1)
        }
    };
    let near = known.into_iter().filter_map(|known| distance(known).map(|distance| (distance, known)));
    near.min_by_key(|(distance, _)| *distance).map(|(_, known)| known)
}

/// `; did you mean "…"?`, for an error about `name`; nothing where none of `known` is [`similar`].
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    similar(name, known).map_or_else(String::new, |meant| format!("; did you mean {meant:?}?"))
}

fn letters(name: &str) -> Vec<char> {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// How many letters have to be added, removed, replaced, or swapped with the next one, to make `b` of `a`.
fn edits(a: &[char], b: &[char]) -> usize {
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        let count = |a: &str, b: &str| edits(&letters(a), &letters(b));
        for (a, b, expected) in
            [("", "", 0), ("", "abc", 3), ("kitten", "sitting", 3), ("beta", "bate", 2), ("trian", "train", 1)]
        {
            assert_eq!((count(a, b), count(b, a)), (expected, expected), "{a} and {b}");
        }
    }

    #[test]
    fn slips_are_understood_and_other_names_are_not() {
        let known = ["forward_diffusion", "Fnn", "SwissRoll", "reverse_step", "betas", "beta", "Über"];
        for (name, meant) in [
            ("foward_difusion", Some("forward_diffusion")),
            ("forward", Some("forward_diffusion")),
            ("fnn", Some("Fnn")),
            ("swiss-rol", Some("SwissRoll")),
            ("bata", Some("beta")),
            ("betas_", Some("betas")),
            ("über", Some("Über")),
            ("reverse", Some("reverse_step")),
            ("Unet", None),
            ("f", None),
            ("", None),
            ("no_such_thing", None),
        ] {
            assert_eq!(similar(name, known), meant, "{name}");
        }
        assert_eq!(similar("anything", []), None);
    }
}
