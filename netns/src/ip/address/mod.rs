//! Addresses: what they are. [`table`] keeps them, [`control`] changes them.

pub(crate) mod control;
pub(crate) mod table;

use core::fmt;
use core::net::Ipv4Addr;

use warren_platform::{Duration, Instant};

use super::prefix;
use super::scope::Scope;
use crate::ids::{IfName, Ifindex};

bitflags::bitflags! {
    /// `IFA_FLAGS` (include/uapi/linux/if_addr.h). Unknown bits are kept as they are.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct AddressFlags: u32 {
        /// Another address of the same network on the link is the primary one.
        const SECONDARY = 0x01;
        /// The preferred lifetime is over.
        const DEPRECATED = 0x20;
        /// Lives for ever.
        const PERMANENT = 0x80;
        /// No route to the network is derived from it.
        const NOPREFIXROUTE = 0x200;
    }
}

/// Flags only IPv6 addresses have (Linux: `IPV6ONLY_FLAGS`): NODAD, OPTIMISTIC,
/// DADFAILED, HOMEADDRESS, TENTATIVE, MANAGETEMPADDR, STABLE_PRIVACY.
const IPV6_ONLY: u32 = 0x02 | 0x04 | 0x08 | 0x10 | 0x40 | 0x100 | 0x800;

/// `IFA_LABEL`: up to 15 bytes, usually the link's name or `name:suffix`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Label {
    bytes: [u8; 15],
    len: u8,
}

impl Label {
    /// `None` if longer than 15 bytes.
    #[must_use]
    pub fn new(label: &[u8]) -> Option<Self> {
        let mut bytes = [0; 15];
        bytes.get_mut(..label.len())?.copy_from_slice(label);
        Some(Self { bytes, len: u8::try_from(label.len()).ok()? })
    }

    /// The label without a terminator.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// The label after its link was renamed: the part behind the first colon stays, cut to
    /// fit (Linux: `inetdev_changename`).
    fn renamed(&self, name: &IfName, ordinal: usize) -> Self {
        let own = self.as_bytes();
        let mut digits = [0_u8; 20];
        let suffix: &[u8] = match own.iter().position(|byte| *byte == b':') {
            _ if ordinal == 0 => b"",
            Some(colon) => &own[colon..],
            None => decimal_suffix(ordinal + 1, &mut digits),
        };
        let mut bytes = [0; 15];
        let suffix = &suffix[..suffix.len().min(bytes.len())];
        let keep = name.as_bytes().len().min(bytes.len() - suffix.len());
        bytes[..keep].copy_from_slice(&name.as_bytes()[..keep]);
        bytes[keep..keep + suffix.len()].copy_from_slice(suffix);
        Self { bytes, len: u8::try_from(keep + suffix.len()).unwrap_or(15) }
    }
}

/// `:N` in decimal, at the end of `buffer`.
fn decimal_suffix(mut number: usize, buffer: &mut [u8; 20]) -> &[u8] {
    let mut at = buffer.len();
    while at > 1 {
        at -= 1;
        buffer[at] = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    buffer[at - 1] = b':';
    &buffer[at - 1..]
}

impl From<IfName> for Label {
    fn from(name: IfName) -> Self {
        Self::new(name.as_bytes()).expect("a name has at most 15 bytes")
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.as_bytes().escape_ascii())
    }
}

/// How long an address is valid and preferred, from the moment it is set, in seconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lifetimes {
    /// `ifa_valid`.
    pub valid: u32,
    /// `ifa_prefered`.
    pub preferred: u32,
}

impl Lifetimes {
    /// The number that means for ever.
    pub const INFINITE: u32 = u32::MAX;
    /// Valid and preferred for ever.
    pub const FOREVER: Self = Self { valid: Self::INFINITE, preferred: Self::INFINITE };
}

/// An address to be added to a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AddressSpec {
    /// `IFA_LOCAL`: ours.
    pub local: Ipv4Addr,
    /// Length of the prefix around [`peer`](Self::peer).
    pub prefix_len: u8,
    /// `IFA_ADDRESS`: the other end of a point-to-point link; `None`: the same as `local`.
    pub peer: Option<Ipv4Addr>,
    /// `IFA_BROADCAST`.
    pub broadcast: Option<Ipv4Addr>,
    /// `IFA_LABEL`; `None`: the link's name.
    pub label: Option<Label>,
    /// `ifa_scope`.
    pub scope: Scope,
    /// What the user may set; SECONDARY and PERMANENT are ours to decide.
    pub flags: AddressFlags,
    /// `IFA_CACHEINFO`.
    pub lifetimes: Lifetimes,
    /// `IFA_RT_PRIORITY`: the metric of the route to the network.
    pub route_priority: u32,
    /// `IFA_PROTO`.
    pub protocol: u8,
}

impl AddressSpec {
    /// A permanent address of universe scope, as `ip addr add LOCAL/LEN` asks for it.
    #[must_use]
    pub const fn new(local: Ipv4Addr, prefix_len: u8) -> Self {
        Self {
            local,
            prefix_len,
            peer: None,
            broadcast: None,
            label: None,
            scope: Scope::UNIVERSE,
            flags: AddressFlags::empty(),
            lifetimes: Lifetimes::FOREVER,
            route_priority: 0,
            protocol: 0,
        }
    }
}

/// What to do if the address exists (`NLM_F_EXCL`, `NLM_F_REPLACE`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IfExists {
    /// Refuse.
    Refuse,
    /// Change its lifetimes, metric and flags.
    Replace,
}

/// Which address of a link to delete; what is `None` matches every address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct AddressSelector {
    /// `IFA_LOCAL`.
    pub local: Option<Ipv4Addr>,
    /// `IFA_ADDRESS` with the prefix length of the request.
    pub network: Option<(Ipv4Addr, u8)>,
    /// `IFA_LABEL`.
    pub label: Option<Label>,
}

/// An address of a link, as `RTM_NEWADDR` reports it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Address {
    /// The link it is on.
    pub ifindex: Ifindex,
    /// `IFA_LOCAL`: ours.
    pub local: Ipv4Addr,
    /// `IFA_ADDRESS`: the same, or the other end of a point-to-point link.
    pub address: Ipv4Addr,
    /// Length of the prefix around `address`.
    pub prefix_len: u8,
    /// `IFA_BROADCAST`.
    pub broadcast: Option<Ipv4Addr>,
    /// `IFA_LABEL`.
    pub label: Label,
    /// `ifa_scope`.
    pub scope: Scope,
    /// `IFA_FLAGS`.
    pub flags: AddressFlags,
    /// The lifetimes as they were set; see [`Self::lifetimes_left`].
    pub lifetimes: Lifetimes,
    /// `IFA_RT_PRIORITY`.
    pub route_priority: u32,
    /// `IFA_PROTO`.
    pub protocol: u8,
    /// When it was added (`cstamp`).
    pub created: Instant,
    /// When its lifetimes were last set (`tstamp`).
    pub updated: Instant,
}

impl Address {
    /// What is left of the lifetimes at `now`, as `IFA_CACHEINFO` shows it.
    #[must_use]
    pub fn lifetimes_left(&self, now: Instant) -> Lifetimes {
        if self.flags.contains(AddressFlags::PERMANENT) {
            return Lifetimes::FOREVER;
        }
        let passed = u32::try_from(now.since(self.updated).as_secs()).unwrap_or(u32::MAX);
        let left = |span| match span {
            Lifetimes::INFINITE => Lifetimes::INFINITE,
            span => u32::saturating_sub(span, passed),
        };
        Lifetimes { valid: left(self.lifetimes.valid), preferred: left(self.lifetimes.preferred) }
    }

    pub(crate) fn is_secondary(&self) -> bool {
        self.flags.contains(AddressFlags::SECONDARY)
    }

    /// The network its prefix spans.
    pub(crate) fn network(&self) -> Ipv4Addr {
        prefix::network(self.address, self.prefix_len)
    }

    /// Whether both are addresses of one network of one prefix length.
    pub(crate) fn shares_network(&self, other: &Self) -> bool {
        self.prefix_len == other.prefix_len
            && prefix::same_network(self.address, other.address, self.prefix_len)
    }

    fn matches(&self, selector: &AddressSelector) -> bool {
        selector.local.is_none_or(|local| local == self.local)
            && selector.label.is_none_or(|label| label == self.label)
            && selector.network.is_none_or(|(address, len)| {
                len == self.prefix_len && prefix::same_network(address, self.address, len)
            })
    }

    /// When something about it changes by itself: it becomes deprecated or invalid.
    fn next_change(&self) -> Option<Instant> {
        let at = |span| match span {
            Lifetimes::INFINITE => None,
            span => Some(self.updated + Duration::from_secs(u64::from(span))),
        };
        if self.flags.contains(AddressFlags::PERMANENT) {
            return None;
        }
        match at(self.lifetimes.preferred) {
            Some(preferred) if !self.flags.contains(AddressFlags::DEPRECATED) => Some(preferred),
            _ => at(self.lifetimes.valid),
        }
    }
}
