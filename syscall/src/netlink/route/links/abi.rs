//! Numbers of `RTM_*LINK` (include/uapi/linux/if_link.h), and what requests may contain
//! (Linux: `ifla_policy`, `ifla_info_policy`).
#![allow(missing_docs, reason = "include/uapi/linux/if_link.h documents them")]

use crate::netlink::attr::{Policy, Rule};

/// `struct ifinfomsg`.
pub const FIXED: usize = 16;

macro_rules! constants {
    ($type:ty; $($name:ident = $value:expr;)*) => { $(pub const $name: $type = $value;)* };
}

constants! { u16;
    IFLA_ADDRESS = 1; IFLA_BROADCAST = 2; IFLA_IFNAME = 3; IFLA_MTU = 4; IFLA_LINK = 5;
    IFLA_QDISC = 6; IFLA_STATS = 7; IFLA_MASTER = 10; IFLA_PROTINFO = 12; IFLA_TXQLEN = 13;
    IFLA_MAP = 14; IFLA_WEIGHT = 15; IFLA_OPERSTATE = 16; IFLA_LINKMODE = 17;
    IFLA_LINKINFO = 18; IFLA_NET_NS_PID = 19; IFLA_IFALIAS = 20; IFLA_VFINFO_LIST = 22;
    IFLA_STATS64 = 23; IFLA_VF_PORTS = 24; IFLA_PORT_SELF = 25; IFLA_AF_SPEC = 26;
    IFLA_GROUP = 27; IFLA_NET_NS_FD = 28; IFLA_EXT_MASK = 29; IFLA_PROMISCUITY = 30;
    IFLA_NUM_TX_QUEUES = 31; IFLA_NUM_RX_QUEUES = 32; IFLA_CARRIER = 33;
    IFLA_PHYS_PORT_ID = 34; IFLA_CARRIER_CHANGES = 35; IFLA_PHYS_SWITCH_ID = 36;
    IFLA_LINK_NETNSID = 37; IFLA_PROTO_DOWN = 39; IFLA_GSO_MAX_SEGS = 40;
    IFLA_GSO_MAX_SIZE = 41; IFLA_XDP = 43; IFLA_EVENT = 44; IFLA_NEW_NETNSID = 45;
    IFLA_TARGET_NETNSID = 46; IFLA_CARRIER_UP_COUNT = 47; IFLA_CARRIER_DOWN_COUNT = 48;
    IFLA_NEW_IFINDEX = 49; IFLA_MIN_MTU = 50; IFLA_MAX_MTU = 51; IFLA_PROP_LIST = 52;
    IFLA_ALT_IFNAME = 53; IFLA_PERM_ADDRESS = 54; IFLA_PROTO_DOWN_REASON = 55;
    IFLA_PARENT_DEV_NAME = 56; IFLA_GRO_MAX_SIZE = 58; IFLA_TSO_MAX_SIZE = 59;
    IFLA_TSO_MAX_SEGS = 60; IFLA_ALLMULTI = 61;

    IFLA_INFO_KIND = 1; IFLA_INFO_DATA = 2; IFLA_INFO_SLAVE_KIND = 4; IFLA_INFO_SLAVE_DATA = 5;

    IFLA_XDP_ATTACHED = 2;
    IFLA_INET_CONF = 1;
}

/// The largest type Linux 6.1 knows.
const IFLA_MAX: u16 = IFLA_ALLMULTI;
/// `MAX_ADDR_LEN`.
const ADDRESS_MAX: usize = 32;

pub static LINK: Policy = Policy {
    max: IFLA_MAX,
    strict_from: 0,
    rules: &[
        (IFLA_IFNAME, Rule::Text(15)),
        (IFLA_ADDRESS, Rule::AtMost(ADDRESS_MAX)),
        (IFLA_BROADCAST, Rule::AtMost(ADDRESS_MAX)),
        (IFLA_MAP, Rule::AtLeast(28)),
        (IFLA_MTU, Rule::U32),
        (IFLA_LINK, Rule::U32),
        (IFLA_MASTER, Rule::U32),
        (IFLA_CARRIER, Rule::U8),
        (IFLA_TXQLEN, Rule::U32),
        (IFLA_WEIGHT, Rule::U32),
        (IFLA_OPERSTATE, Rule::U8),
        (IFLA_LINKMODE, Rule::U8),
        (IFLA_LINKINFO, Rule::Nested),
        (IFLA_NET_NS_PID, Rule::U32),
        (IFLA_NET_NS_FD, Rule::U32),
        (IFLA_IFALIAS, Rule::AtMost(255)),
        (IFLA_VFINFO_LIST, Rule::Nested),
        (IFLA_VF_PORTS, Rule::Nested),
        (IFLA_PORT_SELF, Rule::Nested),
        (IFLA_AF_SPEC, Rule::Nested),
        (IFLA_EXT_MASK, Rule::U32),
        (IFLA_PROMISCUITY, Rule::U32),
        (IFLA_NUM_TX_QUEUES, Rule::U32),
        (IFLA_NUM_RX_QUEUES, Rule::U32),
        (IFLA_GSO_MAX_SEGS, Rule::U32),
        (IFLA_GSO_MAX_SIZE, Rule::U32),
        (IFLA_PHYS_PORT_ID, Rule::AtMost(32)),
        (IFLA_CARRIER_CHANGES, Rule::U32),
        (IFLA_PHYS_SWITCH_ID, Rule::AtMost(32)),
        (IFLA_LINK_NETNSID, Rule::U32),
        (IFLA_PROTO_DOWN, Rule::U8),
        (IFLA_XDP, Rule::Nested),
        (IFLA_EVENT, Rule::U32),
        (IFLA_GROUP, Rule::U32),
        (IFLA_TARGET_NETNSID, Rule::U32),
        (IFLA_CARRIER_UP_COUNT, Rule::U32),
        (IFLA_CARRIER_DOWN_COUNT, Rule::U32),
        (IFLA_MIN_MTU, Rule::U32),
        (IFLA_MAX_MTU, Rule::U32),
        (IFLA_PROP_LIST, Rule::Nested),
        (IFLA_ALT_IFNAME, Rule::Text(127)),
        (IFLA_PERM_ADDRESS, Rule::Reject),
        (IFLA_PROTO_DOWN_REASON, Rule::Nested),
        (IFLA_NEW_IFINDEX, Rule::I32Min(1)),
        (IFLA_PARENT_DEV_NAME, Rule::TextNul(usize::MAX - 1)),
        (IFLA_GRO_MAX_SIZE, Rule::U32),
        (IFLA_TSO_MAX_SIZE, Rule::Reject),
        (IFLA_TSO_MAX_SEGS, Rule::Reject),
        (IFLA_ALLMULTI, Rule::Reject),
    ],
};

pub static INFO: Policy = Policy {
    max: IFLA_INFO_SLAVE_DATA,
    strict_from: 0,
    rules: &[
        (IFLA_INFO_KIND, Rule::Text(usize::MAX)),
        (IFLA_INFO_DATA, Rule::Nested),
        (IFLA_INFO_SLAVE_KIND, Rule::Text(usize::MAX)),
        (IFLA_INFO_SLAVE_DATA, Rule::Nested),
    ],
};
