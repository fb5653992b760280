//! A parser for lengths such as `3m20` (metres and centimetres), `45` (centimetres) or `2m`.

#[derive(Debug, PartialEq, Eq)]
pub enum LengthError {
    Empty,
    NotANumber(String),
    TooManyCentimetres(u32),
}

fn number(text: &str) -> Result<u32, LengthError> {
    text.parse().map_err(|_| LengthError::NotANumber(text.to_string()))
}

/// The length in centimetres. After metres there may be 0 to 99 centimetres.
pub fn parse(text: &str) -> Result<u32, LengthError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(LengthError::Empty);
    }
    match text.split_once('m') {
        None => number(text),
        Some((metres, rest)) => match number(rest)? {
            rest @ 0..=99 => Ok(number(metres)? * 100 + rest),
            rest => Err(LengthError::TooManyCentimetres(rest)),
        },
    }
}
