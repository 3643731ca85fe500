//! Numbers of `RTM_*NEIGH` (include/uapi/linux/neighbour.h).
#![allow(missing_docs, reason = "include/uapi/linux/neighbour.h documents them")]

/// `struct ndmsg`.
pub(crate) const FIXED: usize = 12;

macro_rules! constants {
    ($type:ty; $($name:ident = $value:expr;)*) => { $(pub(in crate::netlink) const $name: $type = $value;)* };
}

constants! { u16;
    NDA_DST = 1; NDA_LLADDR = 2; NDA_CACHEINFO = 3; NDA_PROBES = 4; NDA_VLAN = 5;
    NDA_IFINDEX = 8; NDA_MASTER = 9; NDA_PROTOCOL = 12; NDA_FLAGS_EXT = 15;

    NUD_INCOMPLETE = 0x01; NUD_REACHABLE = 0x02; NUD_STALE = 0x04; NUD_DELAY = 0x08;
    NUD_PROBE = 0x10; NUD_FAILED = 0x20; NUD_NOARP = 0x40; NUD_PERMANENT = 0x80;
}
constants! { u8;
    NTF_USE = 0x01; NTF_SELF = 0x02; NTF_MASTER = 0x04; NTF_PROXY = 0x08;
    NTF_EXT_LEARNED = 0x10; NTF_ROUTER = 0x80;
}
