use rust_ring_order::*;

fn filled(size: usize, readings: &[f64]) -> Ring {
    let mut ring = Ring::new(size);
    readings.iter().for_each(|each| ring.push(*each));
    ring
}

#[test]
fn the_oldest_comes_first() {
    assert_eq!(filled(3, &[1.0, 2.0]).readings(), [1.0, 2.0]);
    assert_eq!(filled(3, &[1.0, 2.0, 3.0, 4.0]).readings(), [2.0, 3.0, 4.0]);
    assert_eq!(filled(2, &[9.0, 5.0, 7.0]).readings(), [5.0, 7.0]);
    assert_eq!(filled(2, &[9.0, 7.0, 5.0]).readings(), [7.0, 5.0]);
}

#[test]
fn the_mean_is_over_what_is_kept() {
    assert_eq!(filled(4, &[1.0, 2.0]).mean(), Some(1.5));
    assert_eq!(filled(4, &[]).mean(), None);
}

#[test]
fn a_ring_of_nothing() {
    assert!(filled(0, &[1.0]).readings().is_empty());
}
