//! Numbers and names with a meaning, each a type of its own.

use core::fmt;
use core::num::NonZeroU32;

/// The number of a link within its namespace (`ifi_index`); 1 is the loopback.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ifindex(NonZeroU32);

impl Ifindex {
    /// The loopback's, in every namespace.
    pub const LOOPBACK: Self = Self(NonZeroU32::MIN);

    /// `None` for zero and for numbers a signed 32-bit `ifi_index` cannot hold.
    #[must_use]
    pub const fn new(index: u32) -> Option<Self> {
        match NonZeroU32::new(index) {
            Some(index) if index.get() <= i32::MAX as u32 => Some(Self(index)),
            _ => None,
        }
    }

    /// The plain number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for Ifindex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The identity of a namespace within its stack. Never reused; a host may show it as the
/// inode number of `/proc/PID/ns/net`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NsId(pub u64);

/// The identity of a link within its stack, the same before and after a move between
/// namespaces. Never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LinkId(pub u64);

/// An IP maximum transmission unit in bytes; the Ethernet header is not counted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Mtu(pub u32);

/// An Ethernet address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MacAddr(pub [u8; 6]);

impl MacAddr {
    /// `00:00:00:00:00:00`, the loopback's.
    pub const ZERO: Self = Self([0; 6]);
    /// `ff:ff:ff:ff:ff:ff`.
    pub const BROADCAST: Self = Self([0xff; 6]);

    /// Whether the group bit is set (broadcast included).
    #[must_use]
    pub const fn is_multicast(self) -> bool {
        self.0[0] & 1 != 0
    }

    /// Whether an interface may have it: neither zero nor a group address.
    #[must_use]
    pub fn is_valid_unicast(self) -> bool {
        !self.is_multicast() && self != Self::ZERO
    }

    /// Makes six random bytes an address of the locally administered unicast range
    /// (Linux: `eth_random_addr`).
    #[must_use]
    pub const fn from_random(mut bytes: [u8; 6]) -> Self {
        bytes[0] = bytes[0] & 0xfe | 0x02;
        Self(bytes)
    }

    pub(crate) const fn to_bits(self) -> u64 {
        let [a, b, c, d, e, f] = self.0;
        u64::from_be_bytes([0, 0, a, b, c, d, e, f])
    }

    pub(crate) const fn from_bits(bits: u64) -> Self {
        let [_, _, a, b, c, d, e, f] = bits.to_be_bytes();
        Self([a, b, c, d, e, f])
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, f] = self.0;
        write!(out, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
    }
}

impl fmt::Debug for MacAddr {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// A link's name: 1 to 15 bytes, neither `.` nor `..`, without `/`, `:` or white space
/// (Linux: `dev_valid_name`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IfName {
    bytes: [u8; 15],
    len: u8,
}

impl IfName {
    /// `None` if Linux would refuse the name with EINVAL.
    #[must_use]
    pub fn new(name: &[u8]) -> Option<Self> {
        let valid = !name.is_empty()
            && name.len() <= 15
            && name != b"."
            && name != b".."
            && !name.iter().any(|b| matches!(b, b'/' | b':' | 0) || is_space(*b));
        if !valid {
            return None;
        }
        let mut bytes = [0; 15];
        bytes[..name.len()].copy_from_slice(name);
        Some(Self { bytes, len: u8::try_from(name.len()).ok()? })
    }

    /// The name without a terminator.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// C's isspace() in the kernel's Latin-1 table: the no-break space counts.
const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | 0x09..=0x0d | 0xa0)
}

impl fmt::Display for IfName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.as_bytes().utf8_chunks() {
            f.write_str(chunk.valid())?;
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for IfName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_linux_refuses_are_refused() {
        for bad in ["", ".", "..", "a/b", "a:b", "a b", "a\tb", "0123456789abcdef"] {
            assert_eq!(IfName::new(bad.as_bytes()), None, "{bad:?}");
        }
        assert_eq!(IfName::new(b"a\0b"), None);
        for good in ["lo", "v0", "eth0.10", "0123456789abcde", "-", "%d"] {
            let name = IfName::new(good.as_bytes()).expect("a good name");
            assert_eq!(name.as_bytes(), good.as_bytes());
        }
    }

    #[test]
    fn random_macs_are_local_unicast() {
        for first in [0x00, 0xff, 0x01, 0x56] {
            let mac = MacAddr::from_random([first, 1, 2, 3, 4, 5]);
            assert!(mac.is_valid_unicast());
            assert_eq!(mac.0[0] & 0b11, 0b10);
        }
        let mac = MacAddr([2, 0, 0, 0, 0, 0x0b]);
        assert_eq!(MacAddr::from_bits(mac.to_bits()), mac);
    }
}
