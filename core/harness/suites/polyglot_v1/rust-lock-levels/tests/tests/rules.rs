use rust_lock_levels::*;

#[test]
fn filling_in_equal_steps() {
    assert_eq!(steps(0, 6, 3), [0, 3, 6]);
}

#[test]
fn the_last_step_is_the_end() {
    assert_eq!(steps(0, 7, 3), [0, 3, 6, 7]);
}

#[test]
fn emptying_goes_down() {
    assert_eq!(steps(9, 0, 4), [9, 5, 1, 0]);
    assert_eq!(steps(2, -2, 2), [2, 0, -2]);
}

#[test]
fn nothing_to_do() {
    assert_eq!(steps(4, 4, 2), [4]);
    assert_eq!(steps(1, 5, 0), [1, 5]);
}
