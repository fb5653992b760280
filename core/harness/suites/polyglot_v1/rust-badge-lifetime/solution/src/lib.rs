//! Names for a list of guests.

/// The longest name, the first of several; `None` for an empty list.
pub fn longest(names: &[String]) -> Option<&str> {
    let mut best: Option<&str> = None;
    for name in names {
        if best.map_or(true, |known| name.chars().count() > known.chars().count()) {
            best = Some(name);
        }
    }
    best
}

/// A line for a badge: the name in capitals, cut to `width` characters.
pub fn badge(name: &str, width: usize) -> String {
    name.to_uppercase().chars().take(width).collect()
}
