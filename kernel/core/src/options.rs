//! The text of mount options: `key=value`, separated by commas.

/// Splits options into keys and values; an option without a value has an empty one.
pub fn split_options(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let options = text.split(|byte| *byte == b',').filter(|option| !option.is_empty());
    options.map(|option| match option.iter().position(|byte| *byte == b'=') {
        Some(at) => (&option[..at], &option[at + 1..]),
        None => (option, &[][..]),
    })
}

/// A number with an optional suffix `k`, `m`, `g`, or `%` of `whole`; `None` if it is
/// anything else, or too large.
#[must_use]
pub fn parse_size(text: &[u8], whole: u64) -> Option<u64> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, suffix) = text.split_at(digits);
    let number = core::str::from_utf8(digits).ok()?.parse::<u64>().ok()?;
    match suffix {
        b"" => Some(number),
        b"k" | b"K" => number.checked_mul(1 << 10),
        b"m" | b"M" => number.checked_mul(1 << 20),
        b"g" | b"G" => number.checked_mul(1 << 30),
        b"%" if whole > 0 => whole.checked_mul(number).map(|product| product / 100),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn options_split_at_commas_and_equal_signs() {
        let options: Vec<_> = split_options(b"size=1m,,ro,mode=7=7").collect();
        let expected: [(&[u8], &[u8]); 3] = [(b"size", b"1m"), (b"ro", b""), (b"mode", b"7=7")];
        assert_eq!(options, expected);
        assert_eq!(split_options(b"").count(), 0);
    }

    #[test]
    fn sizes_take_suffixes_and_percentages() {
        assert_eq!(parse_size(b"4096", 0), Some(4096));
        assert_eq!(parse_size(b"64k", 0), Some(65_536));
        assert_eq!(parse_size(b"2M", 0), Some(2 << 20));
        assert_eq!(parse_size(b"1g", 0), Some(1 << 30));
        assert_eq!(parse_size(b"50%", 1000), Some(500));
    }

    #[test]
    fn what_is_no_size_or_too_large_is_refused() {
        for text in [&b""[..], b"k", b"-1", b"1x", b"1kk", b"10%", b"99999999999999999999"] {
            assert_eq!(parse_size(text, 0), None, "{text:?}");
        }
        assert_eq!(parse_size(b"17179869184g", 0), None);
    }
}
