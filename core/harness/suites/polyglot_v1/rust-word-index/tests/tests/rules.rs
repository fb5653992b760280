use rust_word_index::*;

fn words(found: &[(String, usize)]) -> Vec<(&str, usize)> {
    found.iter().map(|(word, count)| (word.as_str(), *count)).collect()
}

#[test]
fn case_and_punctuation_do_not_matter() {
    assert_eq!(words(&common("Tea, tea (TEA) - coffee.", 9)), [("tea", 3), ("coffee", 1)]);
}

#[test]
fn equal_counts_are_sorted() {
    let text = "pear fig kiwi plum date lime";
    let found = common(text, 4);
    assert_eq!(words(&found), [("date", 1), ("fig", 1), ("kiwi", 1), ("lime", 1)]);
}

#[test]
fn what_is_within_a_word_stays() {
    assert_eq!(words(&common("don't don't", 1)), [("don't", 2)]);
}
