//! Numbers of `RTM_*NEIGH` (include/uapi/linux/neighbour.h), and what requests may contain
//! (Linux: `nda_policy`).
#![allow(missing_docs, reason = "include/uapi/linux/neighbour.h documents them")]

use crate::netlink::attr::{Policy, Rule};

macro_rules! constants {
    ($type:ty; $($name:ident = $value:expr;)*) => {
        $(pub(in crate::netlink) const $name: $type = $value;)*
    };
}

constants! { usize;
    FIXED = 12; // struct ndmsg
}
constants! { u16;
    NDA_DST = 1; NDA_LLADDR = 2; NDA_CACHEINFO = 3; NDA_PROBES = 4; NDA_VLAN = 5; NDA_PORT = 6;
    NDA_VNI = 7; NDA_IFINDEX = 8; NDA_MASTER = 9; NDA_PROTOCOL = 12; NDA_NH_ID = 13;
    NDA_FDB_EXT_ATTRS = 14; NDA_FLAGS_EXT = 15; NDA_NDM_FLAGS_MASK = 17;

    NUD_REACHABLE = 0x02; NUD_PERMANENT = 0x80;
}
constants! { u8;
    NTF_SELF = 0x02; NTF_PROXY = 0x08; RTN_UNICAST = 1;
}

/// `MAX_ADDR_LEN`.
const ADDRESS_MAX: usize = 32;

pub(in crate::netlink) static POLICY: Policy = Policy {
    max: NDA_NDM_FLAGS_MASK,
    strict_from: NDA_NH_ID,
    rules: &[
        (NDA_DST, Rule::AtMost(ADDRESS_MAX)),
        (NDA_LLADDR, Rule::AtMost(ADDRESS_MAX)),
        (NDA_CACHEINFO, Rule::AtLeast(16)),
        (NDA_PROBES, Rule::U32),
        (NDA_VLAN, Rule::U16),
        (NDA_PORT, Rule::U16),
        (NDA_VNI, Rule::U32),
        (NDA_IFINDEX, Rule::U32),
        (NDA_MASTER, Rule::U32),
        (NDA_PROTOCOL, Rule::U8),
        (NDA_NH_ID, Rule::U32),
        // NTF_EXT_MANAGED is the only bit there is.
        (NDA_FLAGS_EXT, Rule::U32In(0, 1)),
        (NDA_FDB_EXT_ATTRS, Rule::Nested),
    ],
};

/// `struct ndmsg` of a request.
#[derive(Clone, Copy, Debug)]
pub(in crate::netlink) struct NdMsg {
    pub(in crate::netlink) family: u8,
    pub(in crate::netlink) index: u32,
    pub(in crate::netlink) state: u16,
    pub(in crate::netlink) flags: u8,
    pub(in crate::netlink) kind: u8,
    /// The bytes nobody may set.
    pub(in crate::netlink) is_padded: bool,
}

impl NdMsg {
    pub(in crate::netlink) fn parse(bytes: &[u8; FIXED]) -> Self {
        let [family, p1, p2, p3, a, b, c, d, s, t, flags, kind] = *bytes;
        Self {
            family,
            index: u32::from_le_bytes([a, b, c, d]),
            state: u16::from_le_bytes([s, t]),
            flags,
            kind,
            is_padded: [p1, p2, p3] == [0; 3],
        }
    }
}
