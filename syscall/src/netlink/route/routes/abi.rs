//! Numbers of `RTM_*ROUTE` (include/uapi/linux/rtnetlink.h), and what requests may contain
//! (Linux: `rtm_ipv4_policy`).
#![allow(missing_docs, reason = "include/uapi/linux/rtnetlink.h documents them")]

use crate::netlink::attr::{Policy, Rule};

/// `struct rtmsg`.
pub(super) const FIXED: usize = 12;

macro_rules! constants {
    ($type:ty; $($name:ident = $value:expr;)*) => { $(pub(in crate::netlink) const $name: $type = $value;)* };
}

constants! { u16;
    RTA_DST = 1; RTA_SRC = 2; RTA_IIF = 3; RTA_OIF = 4; RTA_GATEWAY = 5; RTA_PRIORITY = 6;
    RTA_PREFSRC = 7; RTA_METRICS = 8; RTA_MULTIPATH = 9; RTA_FLOW = 11; RTA_CACHEINFO = 12;
    RTA_TABLE = 15; RTA_MARK = 16; RTA_VIA = 18; RTA_ENCAP_TYPE = 21; RTA_ENCAP = 22;
    RTA_UID = 25; RTA_IP_PROTO = 27; RTA_SPORT = 28; RTA_DPORT = 29; RTA_NH_ID = 30;

    RTAX_ADVMSS = 8; RTAX_HOPLIMIT = 10; RTAX_MTU = 2; RTAX_FEATURES = 12; RTAX_CC_ALGO = 16;
    RTAX_MAX = 17;
}
constants! { u32;
    RTM_F_CLONED = 0x200; RTM_F_PREFIX = 0x800; RTM_F_NOTIFY = 0x100;
    RTM_F_LOOKUP_TABLE = 0x1000; RTM_F_FIB_MATCH = 0x2000;
    RTCF_BROADCAST = 0x1000_0000; RTCF_MULTICAST = 0x2000_0000; RTCF_LOCAL = 0x8000_0000;
    RTNH_F_DEAD = 1; RTNH_F_ONLINK = 4; RTNH_F_LINKDOWN = 16;
}

/// The largest type a route has.
const RTN_MAX: u8 = 11;
/// RT_TABLE_COMPAT: the number does not fit eight bits.
pub(super) const TABLE_COMPAT: u8 = 252;

pub(super) static POLICY: Policy = Policy {
    max: RTA_NH_ID,
    // strict_start_type
    strict_from: RTA_DPORT + 1,
    rules: &[
        (RTA_DST, Rule::U32),
        (RTA_SRC, Rule::U32),
        (RTA_IIF, Rule::U32),
        (RTA_OIF, Rule::U32),
        (RTA_GATEWAY, Rule::U32),
        (RTA_PRIORITY, Rule::U32),
        (RTA_PREFSRC, Rule::U32),
        (RTA_METRICS, Rule::Nested),
        (RTA_MULTIPATH, Rule::AtLeast(8)),
        (RTA_FLOW, Rule::U32),
        (RTA_ENCAP_TYPE, Rule::U16),
        (RTA_ENCAP, Rule::Nested),
        (RTA_UID, Rule::U32),
        (RTA_MARK, Rule::U32),
        (RTA_TABLE, Rule::U32),
        (RTA_IP_PROTO, Rule::U8),
        (RTA_SPORT, Rule::U16),
        (RTA_DPORT, Rule::U16),
        (RTA_NH_ID, Rule::U32),
    ],
};

/// `struct rtmsg` of a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct RtMsg {
    pub dst_len: u8,
    pub src_len: u8,
    pub tos: u8,
    pub table: u8,
    pub protocol: u8,
    pub scope: u8,
    pub kind: u8,
    pub flags: u32,
}

impl RtMsg {
    pub(super) fn parse(bytes: &[u8; FIXED]) -> Self {
        let [_, dst_len, src_len, tos, table, protocol, scope, kind, flags @ ..] = *bytes;
        let flags = u32::from_le_bytes(flags);
        Self { dst_len, src_len, tos, table, protocol, scope, kind, flags }
    }

    /// Whether the type is one Linux has.
    pub(super) const fn has_known_kind(&self) -> bool {
        self.kind <= RTN_MAX
    }
}
