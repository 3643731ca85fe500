//! What a message may contain, and how strictly that is held (Linux: lib/nlattr.c).
//!
//! A [`Table`] keeps the last attribute of each type, as Linux's `tb[]` does. Unknown types
//! are skipped on old messages and refused on strict ones; a value that breaks its rule is
//! refused always.

use alloc::vec;
use alloc::vec::Vec;

use super::{Attr, Attrs, HEADER};
use crate::errno::Errno;
use crate::netlink::ack::Refusal;

/// What one attribute's value must look like.
#[derive(Clone, Copy, Debug)]
pub enum Rule {
    /// Anything of at least this many bytes (`NLA_UNSPEC` with a length).
    AtLeast(usize),
    /// At most this many bytes (`NLA_BINARY`).
    AtMost(usize),
    /// Exactly this many bytes (`NLA_POLICY_EXACT_LEN`).
    Exactly(usize),
    /// At least a byte, `NLA_U8`.
    U8,
    /// A byte within these bounds (`NLA_POLICY_RANGE`).
    U8In(u8, u8),
    /// Two bytes, `NLA_U16`.
    U16,
    /// Four bytes, `NLA_U32`.
    U32,
    /// Four bytes within these bounds.
    U32In(u32, u32),
    /// Four bytes, signed, at least this (`NLA_POLICY_MIN(NLA_S32, ..)`).
    I32Min(i32),
    /// Eight bytes, `NLA_U64`.
    U64,
    /// At most this many bytes before an optional NUL (`NLA_STRING`).
    Text(usize),
    /// At most this many bytes before a NUL that must be there (`NLA_NUL_STRING`).
    TextNul(usize),
    /// Attributes (`NLA_NESTED`).
    Nested,
    /// Not to be sent by user space (`NLA_REJECT`).
    Reject,
}

/// The rules of one message or nest: types above `max` are unknown; known types
/// without a rule are not looked at.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// The largest known type.
    pub max: u16,
    /// From this type on, everything is strict (`strict_start_type`); 0 for never.
    pub strict_from: u16,
    /// The rules, by type.
    pub rules: &'static [(u16, Rule)],
}

impl Policy {
    /// Holds one attribute to its rule.
    ///
    /// # Errors
    /// EINVAL or ERANGE with the text and place of the attribute.
    pub fn check(&self, attr: &Attr<'_>) -> Result<(), Refusal> {
        validate(attr, self.rule(attr.kind), false)
    }

    fn rule(&self, kind: u16) -> Option<Rule> {
        self.rules.iter().find(|(known, _)| *known == kind).map(|(_, rule)| *rule)
    }
}

/// How strictly a policy is held (`enum netlink_validation`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Strictness {
    /// Old messages: unknown types and trailing bytes are ignored (`NL_VALIDATE_LIBERAL`).
    Liberal,
    /// `NL_VALIDATE_DEPRECATED_STRICT`: unknown types and trailing bytes are refused.
    Known,
    /// `NL_VALIDATE_STRICT`: also types without a rule, wrong lengths, missing nest bits.
    Strict,
}

/// The attributes of one message, by type; of several of one type the last counts.
#[derive(Debug)]
pub struct Table<'a> {
    slots: Vec<Option<Attr<'a>>>,
}

impl<'a> Table<'a> {
    /// Reads and validates.
    ///
    /// # Errors
    /// What Linux answers: EINVAL or ERANGE with the text and place of the attribute.
    pub fn parse(
        mut attrs: Attrs<'a>,
        policy: &Policy,
        strictness: Strictness,
    ) -> Result<Self, Refusal> {
        let mut slots = vec![None; usize::from(policy.max) + 1];
        for attr in attrs.by_ref() {
            if attr.kind == 0 || attr.kind > policy.max {
                if strictness == Strictness::Liberal {
                    continue;
                }
                return Err(Refusal::new(Errno::EINVAL).text("Unknown attribute type").at(&attr));
            }
            let strict = strictness == Strictness::Strict
                || policy.strict_from != 0 && attr.kind >= policy.strict_from;
            validate(&attr, policy.rule(attr.kind), strict)?;
            slots[usize::from(attr.kind)] = Some(attr);
        }
        if attrs.rest() > 0 && strictness != Strictness::Liberal {
            let text = "bytes leftover after parsing attributes";
            return Err(Refusal::new(Errno::EINVAL).text(text));
        }
        Ok(Self { slots })
    }

    /// The attribute of this type.
    #[must_use]
    pub fn get(&self, kind: u16) -> Option<&Attr<'a>> {
        self.slots.get(usize::from(kind)).and_then(Option::as_ref)
    }

    /// All attributes, by type.
    pub fn iter(&self) -> impl Iterator<Item = &Attr<'a>> {
        self.slots.iter().flatten()
    }
}

fn validate(attr: &Attr<'_>, rule: Option<Rule>, strict: bool) -> Result<(), Refusal> {
    let len = attr.payload.len();
    let refuse = |errno, text| Err(Refusal::new(errno).text(text).at(attr));
    let failed = |errno| refuse(errno, "Attribute failed policy validation");
    let Some(rule) = rule else {
        return if strict { refuse(Errno::EINVAL, "Unsupported attribute") } else { Ok(()) };
    };
    let (width, nests) = match rule {
        Rule::U8 | Rule::U8In(..) => (Some(1), false),
        Rule::U16 => (Some(2), false),
        Rule::U32 | Rule::U32In(..) | Rule::I32Min(_) => (Some(4), false),
        Rule::U64 => (Some(8), false),
        Rule::Nested => (None, true),
        _ => (None, false),
    };
    if strict && width.is_some_and(|width| width != len) {
        return refuse(Errno::EINVAL, "invalid attribute length");
    }
    if strict && nests && !attr.nested {
        return refuse(Errno::EINVAL, "NLA_F_NESTED is missing");
    }
    if strict && !nests && attr.nested {
        return refuse(Errno::EINVAL, "NLA_F_NESTED not expected");
    }
    if width.is_some_and(|width| len < width) {
        return failed(Errno::ERANGE);
    }
    let out_of_range = || refuse(Errno::ERANGE, "integer out of range");
    match rule {
        Rule::AtLeast(least) if len < least => failed(Errno::ERANGE),
        Rule::AtMost(most) if len > most => failed(Errno::ERANGE),
        Rule::Exactly(exact) if len != exact => failed(Errno::ERANGE),
        Rule::U8In(min, max) if !(min..=max).contains(&attr.u8()) => out_of_range(),
        Rule::U32In(min, max) if !(min..=max).contains(&attr.u32()) => out_of_range(),
        Rule::I32Min(min) if attr.i32() < min => out_of_range(),
        Rule::TextNul(most) if !attr.payload.iter().take(most + 1).any(|b| *b == 0) => {
            failed(Errno::EINVAL)
        }
        Rule::Text(most) | Rule::TextNul(most) => {
            let text = len - usize::from(attr.payload.last() == Some(&0));
            if len == 0 || text > most { failed(Errno::ERANGE) } else { Ok(()) }
        }
        Rule::Nested if (1..HEADER).contains(&len) => failed(Errno::ERANGE),
        Rule::Reject => failed(Errno::EINVAL),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Policy = Policy {
        max: 5,
        strict_from: 5,
        rules: &[
            (1, Rule::Text(3)),
            (2, Rule::U32),
            (3, Rule::Nested),
            (4, Rule::Reject),
            (5, Rule::U8In(1, 2)),
        ],
    };

    fn parse(bytes: &[u8], strictness: Strictness) -> Result<(), (Errno, Option<usize>)> {
        Table::parse(Attrs::new(bytes, 16), &POLICY, strictness)
            .map(|_| ())
            .map_err(|refusal| (refusal.errno, refusal.offset))
    }

    #[test]
    fn unknown_types_are_skipped_or_refused_by_strictness() {
        let unknown = [4, 0, 9, 0];
        assert_eq!(parse(&unknown, Strictness::Liberal), Ok(()));
        assert_eq!(parse(&unknown, Strictness::Known), Err((Errno::EINVAL, Some(16))));
    }

    #[test]
    fn values_are_held_to_their_rules() {
        for (bytes, errno) in [
            (&[8, 0, 1, 0, b'a', b'b', b'c', b'd'][..], Errno::ERANGE),
            (&[4, 0, 1, 0][..], Errno::ERANGE),
            (&[6, 0, 2, 0, 1, 2, 0, 0][..], Errno::ERANGE),
            (&[6, 0, 3, 0, 1, 2, 0, 0][..], Errno::ERANGE),
            (&[4, 0, 4, 0][..], Errno::EINVAL),
            (&[5, 0, 5, 0, 3, 0, 0, 0][..], Errno::ERANGE),
            (&[6, 0, 5, 0, 1, 0, 0, 0][..], Errno::EINVAL),
        ] {
            assert_eq!(parse(bytes, Strictness::Liberal), Err((errno, Some(16))), "{bytes:?}");
        }
        assert_eq!(parse(&[8, 0, 1, 0, b'a', b'b', b'c', 0], Strictness::Strict), Ok(()));
        assert_eq!(parse(&[12, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0], Strictness::Liberal), Ok(()));
    }

    #[test]
    fn the_last_of_a_type_counts() {
        let bytes = [8, 0, 2, 0, 1, 0, 0, 0, 8, 0, 2, 0, 7, 0, 0, 0];
        let table = Table::parse(Attrs::new(&bytes, 0), &POLICY, Strictness::Strict);
        assert_eq!(table.ok().and_then(|t| t.get(2).map(Attr::u32)), Some(7));
    }
}
