//! The text of mount options: `key=value`, separated by commas.

use crate::prelude::*;

/// Splits options into keys and values; an option without a value has an empty one.
pub fn split_options(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let options = text.split(|byte| *byte == b',').filter(|option| !option.is_empty());
    options.map(|option| match option.iter().position(|byte| *byte == b'=') {
        Some(at) => (&option[..at], &option[at + 1..]),
        None => (option, &[][..]),
    })
}

/// A number with an optional suffix `k`, `m`, `g`, or `%` of `whole`.
///
/// # Errors
/// `EINVAL`.
pub fn parse_size(text: &[u8], whole: u64) -> Result<u64> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, suffix) = text.split_at(digits);
    let number = core::str::from_utf8(digits).ok().and_then(|text| text.parse::<u64>().ok());
    let number = number.ok_or(Errno::EINVAL)?;
    let size = match suffix {
        b"" => Some(number),
        b"k" | b"K" => number.checked_mul(1 << 10),
        b"m" | b"M" => number.checked_mul(1 << 20),
        b"g" | b"G" => number.checked_mul(1 << 30),
        b"%" if whole > 0 => whole.checked_mul(number).map(|product| product / 100),
        _ => None,
    };
    size.ok_or(Errno::EINVAL)
}
