//! Words counted for an index.

use std::collections::HashMap;

/// The `most` words that occur most often with their counts; words of equal count by alphabet.
///
/// Case does not matter, and punctuation around a word is no part of it.
pub fn common(text: &str, most: usize) -> Vec<(String, usize)> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for word in text.split_whitespace() {
        let word = word.to_lowercase().replace(|each: char| !each.is_alphanumeric(), "");
        if !word.is_empty() {
            *counts.entry(word).or_insert(0) += 1;
        }
    }
    let mut found: Vec<_> = counts.into_iter().collect();
    found.sort_by(|(a, x), (b, y)| y.cmp(x).then_with(|| a.cmp(b)));
    found.truncate(most);
    found
}
