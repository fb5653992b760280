use rust_badge_lifetime::*;

#[test]
fn a_badge_is_in_capitals_and_cut() {
    assert_eq!(badge("marie curie", 5), "MARIE");
}

#[test]
fn a_short_name_stays_whole() {
    assert_eq!(badge("bo", 10), "BO");
}

#[test]
fn characters_count_not_bytes() {
    assert_eq!(badge("zoë", 3), "ZOË");
    assert_eq!(badge("éva", 1), "É");
}

#[test]
fn the_longest_name_is_found() {
    let names = ["al", "gertrude", "bo"].map(String::from);
    assert_eq!(longest(&names), Some("gertrude"));
    assert_eq!(longest(&[]), None);
}
