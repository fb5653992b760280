//! Water levels at a lock.

/// The steps between two levels, both included, `step` apart; down as well as up.
///
/// The last step is `to` even where it is nearer than `step`. A `step` of 0 gives both ends.
pub fn steps(from: i32, to: i32, step: u32) -> Vec<i32> {
    let mut found = vec![from];
    if step == 0 {
        if from != to {
            found.push(to);
        }
        return found;
    }
    let mut at = from;
    while at != to {
        let left = to.abs_diff(at).min(step) as i32;
        at += if to > at { left } else { -left };
        found.push(at);
    }
    found
}
