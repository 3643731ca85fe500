//! Scopes of addresses and routes (`rtm_scope`, include/uapi/linux/rtnetlink.h).

/// How far an address or a destination reaches. The number grows as the reach shrinks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Scope(pub u8);

impl Scope {
    /// Anywhere (`global`).
    pub const UNIVERSE: Self = Self(0);
    /// On the link.
    pub const LINK: Self = Self(253);
    /// This host.
    pub const HOST: Self = Self(254);
    /// Nowhere; in a selector: any.
    pub const NOWHERE: Self = Self(255);
}
