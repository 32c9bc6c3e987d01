//! The rooms of `src/`, in the order of the table in `src/lib.rs`: each depends only on those above it.

use std::collections::BTreeSet;

use super::modules::Crate;

/// A line for each use of a room below, each room missing from the table, and each entry that is not a room.
pub fn climbs(of: &Crate, lib: &str) -> Vec<String> {
    let order = order(lib);
    let place = |room: &str| order.iter().position(|known| known == room);
    let rooms: BTreeSet<&str> = of.files().map(room).filter(|room| *room != "lib").collect();
    let mut lines: Vec<String> = rooms
        .iter()
        .filter(|room| place(room).is_none())
        .map(|room| format!("{room} is not in the table of rooms in lib.rs"))
        .collect();
    let gone = order.iter().filter(|room| !rooms.contains(room.as_str()));
    lines.extend(gone.map(|room| format!("the table of rooms in lib.rs has {room}, but there is no such module")));
    for (from, to) in of.uses() {
        if let (Some(here), Some(there)) = (place(room(from)), place(room(to)))
            && there > here
        {
            lines.push(format!("{from} uses {to}, but its room {} is below", room(to)));
        }
    }
    lines
}

/// The module that a file belongs to.
fn room(file: &str) -> &str {
    file.split_once('/').map_or(file.trim_end_matches(".rs"), |(folder, _)| folder)
}

/// The names in the first column of the table, from top to bottom and from left to right.
fn order(lib: &str) -> Vec<String> {
    let section = lib.split("//! # The rooms").nth(1).unwrap_or_default();
    let rows =
        section.lines().take_while(|line| !line.starts_with("//! # ")).filter_map(|line| line.strip_prefix("//! |"));
    let cells = rows.filter_map(|row| row.split('|').next());
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>()).collect()
}
