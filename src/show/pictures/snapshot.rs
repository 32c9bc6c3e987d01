//! Shared by the pictures of points and of images.

/// One state of a chain, ready to be drawn.
#[derive(Debug)]
pub(crate) struct Snapshot<A> {
    pub t: f64,
    pub x_t: A,
    pub predicted_x0: A,
}

/// `moons: 1500 samples`, or without a title only what is shown, with a capital letter.
pub(super) fn heading(title: &str, shown: String) -> String {
    if !title.is_empty() {
        return format!("{title}: {shown}");
    }
    let mut letters = shown.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
