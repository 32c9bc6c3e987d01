//! Finds the known name that was probably meant by an unknown one.

use strsim::osa_distance;

/// The name in `known` that `name` is most likely a typo of, or None if all are too different. Ignores case, and treats
/// `swiss-roll`, `swiss_roll` and `SwissRoll` as equal. Of equally similar names, returns the first.
pub fn similar<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = letters(name);
    let length = name.chars().count();
    // A third of the letters may differ, as in the Rust compiler; a name may also be truncated.
    let most = length.max(3) / 3;
    let distance = |known: &str| {
        let known = letters(known);
        let distance = osa_distance(&name, &known);
        if distance <= most { Some(distance) } else { (length >= 4 && known.starts_with(&name)).then_some(most + 1) }
    };
    let near = known.into_iter().filter_map(|known| distance(known).map(|distance| (distance, known)));
    near.min_by_key(|(distance, _)| *distance).map(|(_, known)| known)
}

/// `; did you mean "…"?`, for an error about `name`. Empty if none of `known` is [`similar`].
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    similar(name, known).map_or_else(String::new, |meant| format!("; did you mean {meant:?}?"))
}

fn letters(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_understood_and_other_names_are_not() {
        let known = ["forward_diffusion", "Fnn", "SwissRoll", "reverse_step", "betas", "beta", "Über"];
        for (name, meant) in [
            ("foward_difusion", Some("forward_diffusion")),
            ("forward", Some("forward_diffusion")),
            ("fnn", Some("Fnn")),
            ("swiss-rol", Some("SwissRoll")),
            ("bata", Some("beta")),
            ("ebta", Some("beta")),
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
