use rust_length_errors::*;

#[test]
fn metres_and_centimetres() {
    assert_eq!(parse("3m20"), Ok(320));
    assert_eq!(parse(" 45 "), Ok(45));
    assert_eq!(parse("2m"), Ok(200));
    assert_eq!(parse("1m05"), Ok(105));
}

#[test]
fn what_is_wrong_is_said() {
    assert_eq!(parse("  "), Err(LengthError::Empty));
    assert_eq!(parse("3mx"), Err(LengthError::NotANumber("x".to_string())));
    assert_eq!(parse("two"), Err(LengthError::NotANumber("two".to_string())));
    assert_eq!(parse("1m100"), Err(LengthError::TooManyCentimetres(100)));
}
