//! IPv4 options (RFC 791, 3.1): checked, carried, not acted upon. A router that neither
//! records routes nor stamps times is allowed (RFC 1812, 4.2.2); source routes are refused.

/// What the options ask of the route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Routing {
    /// Nothing.
    None,
    /// A way the sender chose: LSRR or SSRR.
    Source,
}

/// End of options.
const END: u8 = 0;
/// No operation.
const NOP: u8 = 1;
const RECORD_ROUTE: u8 = 7;
const TIMESTAMP: u8 = 68;
const LOOSE_SOURCE_ROUTE: u8 = 131;
const STRICT_SOURCE_ROUTE: u8 = 137;

/// Checks the options behind a header's first twenty bytes; the error is the byte of the
/// header a parameter problem points at.
pub(super) fn check(options: &[u8]) -> Result<Routing, u8> {
    let mut routing = Routing::None;
    let mut at = 0;
    while let Some(&kind) = options.get(at) {
        if kind == END {
            break;
        }
        if kind == NOP {
            at += 1;
            continue;
        }
        let pointer = |offset: usize| u8::try_from(20 + at + offset).unwrap_or(u8::MAX);
        let len = options.get(at + 1).map_or(0, |len| usize::from(*len));
        let Some(option) = options.get(at..at + len).filter(|option| option.len() >= 2) else {
            return Err(pointer(0));
        };
        match kind {
            RECORD_ROUTE | TIMESTAMP | LOOSE_SOURCE_ROUTE | STRICT_SOURCE_ROUTE => {
                let least = if kind == TIMESTAMP { 4 } else { 3 };
                if len < least {
                    return Err(pointer(1));
                }
                let first = if kind == TIMESTAMP { 5 } else { 4 };
                if option[2] < first {
                    return Err(pointer(2));
                }
                if matches!(kind, LOOSE_SOURCE_ROUTE | STRICT_SOURCE_ROUTE) {
                    if routing == Routing::Source {
                        return Err(pointer(0));
                    }
                    routing = Routing::Source;
                }
            }
            _ => {}
        }
        at += len;
    }
    Ok(routing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_options_pass_and_bad_ones_are_pointed_at() {
        assert_eq!(check(&[]), Ok(Routing::None));
        assert_eq!(check(&[NOP, NOP, END, 9]), Ok(Routing::None));
        assert_eq!(check(&[RECORD_ROUTE, 7, 4, 0, 0, 0, 0, END]), Ok(Routing::None));
        assert_eq!(check(&[LOOSE_SOURCE_ROUTE, 7, 4, 1, 2, 3, 4, END]), Ok(Routing::Source));
        assert_eq!(check(&[NOP, 200, 1, 0]), Err(21));
        assert_eq!(check(&[200, 5, 0, 0]), Err(20));
        assert_eq!(check(&[200]), Err(20));
        assert_eq!(check(&[RECORD_ROUTE, 2, NOP, NOP]), Err(21));
        assert_eq!(check(&[RECORD_ROUTE, 3, 3, END]), Err(22));
        let twice = [LOOSE_SOURCE_ROUTE, 3, 4, STRICT_SOURCE_ROUTE, 3, 4, END, END];
        assert_eq!(check(&twice), Err(23));
    }
}
