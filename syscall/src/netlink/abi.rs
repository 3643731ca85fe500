//! Netlink's and rtnetlink's numbers, and nothing but the numbers. Each group names the
//! uapi header it is from. What belongs to one message alone stands beside its code.
#![allow(missing_docs, reason = "the headers named beside each group document them")]

macro_rules! constants {
    ($type:ty; $($name:ident = $value:expr;)*) => { $(pub const $name: $type = $value;)* };
}

// include/uapi/linux/netlink.h: protocols, flags, control messages.
constants! { i32;
    NETLINK_ROUTE = 0;
}
constants! { u16;
    NLM_F_REQUEST = 0x01; NLM_F_MULTI = 0x02; NLM_F_ACK = 0x04; NLM_F_ECHO = 0x08;
    NLM_F_DUMP_INTR = 0x10; NLM_F_DUMP_FILTERED = 0x20;
    NLM_F_ROOT = 0x100; NLM_F_MATCH = 0x200; NLM_F_DUMP = 0x300;
    NLM_F_REPLACE = 0x100; NLM_F_EXCL = 0x200; NLM_F_CREATE = 0x400; NLM_F_APPEND = 0x800;
    NLM_F_BULK = 0x200;
    NLM_F_CAPPED = 0x100; NLM_F_ACK_TLVS = 0x200;
    NLMSG_ERROR = 2; NLMSG_DONE = 3; NLMSG_MIN_TYPE = 0x10;
}

// include/uapi/linux/netlink.h: options of SOL_NETLINK.
constants! { i32;
    NETLINK_ADD_MEMBERSHIP = 1; NETLINK_DROP_MEMBERSHIP = 2; NETLINK_PKTINFO = 3;
    NETLINK_BROADCAST_ERROR = 4; NETLINK_NO_ENOBUFS = 5; NETLINK_LIST_MEMBERSHIPS = 9;
    NETLINK_CAP_ACK = 10; NETLINK_EXT_ACK = 11; NETLINK_GET_STRICT_CHK = 12;
}

// include/uapi/linux/rtnetlink.h: messages.
constants! { u16;
    RTM_BASE = 16; RTM_MAX = 123;
    RTM_NEWLINK = 16; RTM_DELLINK = 17; RTM_GETLINK = 18; RTM_SETLINK = 19;
    RTM_NEWADDR = 20; RTM_DELADDR = 21; RTM_GETADDR = 22;
    RTM_NEWROUTE = 24; RTM_DELROUTE = 25; RTM_GETROUTE = 26;
    RTM_NEWNEIGH = 28; RTM_DELNEIGH = 29; RTM_GETNEIGH = 30;
    RTM_NEWRULE = 32; RTM_GETRULE = 34;
    RTM_NEWNETCONF = 80; RTM_DELNETCONF = 81; RTM_GETNETCONF = 82;
    RTM_NEWNSID = 88; RTM_DELNSID = 89; RTM_GETNSID = 90;
    RTM_NEWLINKPROP = 108; RTM_DELLINKPROP = 109;
}

// include/uapi/linux/rtnetlink.h: multicast groups.
constants! { u32;
    RTNLGRP_LINK = 1; RTNLGRP_NEIGH = 3; RTNLGRP_IPV4_IFADDR = 5; RTNLGRP_IPV4_ROUTE = 7;
    RTNLGRP_IPV4_NETCONF = 24; RTNLGRP_NSID = 28; RTNLGRP_MAX = 36;
}

// include/linux/socket.h: families as the first byte of a request.
constants! { u8;
    AF_UNSPEC = 0; AF_INET = 2; AF_BRIDGE = 7; AF_PACKET = 17;
}
