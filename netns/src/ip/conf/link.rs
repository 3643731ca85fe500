//! Settings of a link: `net.ipv4.conf.LINK.*`, `all` and `default`.
//!
//! All exist, because `IFLA_INET_CONF` lists them by position; these act: `forwarding`,
//! `proxy_arp`, `send_redirects`, `rp_filter`, `arp_filter`, `arp_announce`, `arp_ignore`,
//! `promote_secondaries`, `arp_accept`, `arp_notify`, `accept_local`, `route_localnet`,
//! `ignore_routes_with_linkdown`, `drop_unicast_in_l2_multicast`, `drop_gratuitous_arp`,
//! `arp_evict_nocarrier`. The others belong to what is not supported (source routes and
//! received redirects are refused, IGMP and IPsec are not spoken).

use core::sync::atomic::{AtomicI32, AtomicU64, Ordering};

macro_rules! devconf {
    ($($(#[doc = $doc:literal])* $name:ident = $number:literal, $sysctl:literal;)*) => {
        /// A per-link setting. The number is its place in `IFLA_INET_CONF`
        /// (IPV4_DEVCONF_*, include/uapi/linux/ip.h).
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Devconf { $($(#[doc = $doc])* $name = $number,)* }

        impl Devconf {
            /// All of them, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The setting with this file name.
            #[must_use]
            pub fn from_name(name: &[u8]) -> Option<Self> {
                Self::ALL.iter().copied().find(|setting| setting.name().as_bytes() == name)
            }

            /// The file name below `/proc/sys/net/ipv4/conf/LINK/`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $sysctl,)* }
            }
        }
    };
}

devconf! {
    /// Forward packets received here.
    Forwarding = 1, "forwarding";
    /// Forward multicast; set by a multicast router only.
    McForwarding = 2, "mc_forwarding";
    /// Answer ARP for others.
    ProxyArp = 3, "proxy_arp";
    /// Believe redirects.
    AcceptRedirects = 4, "accept_redirects";
    /// Believe them only from known gateways.
    SecureRedirects = 5, "secure_redirects";
    /// Send redirects.
    SendRedirects = 6, "send_redirects";
    /// Several networks share the wire.
    SharedMedia = 7, "shared_media";
    /// Reverse path filter: 0 off, 1 strict, 2 loose.
    RpFilter = 8, "rp_filter";
    /// Honour source routes.
    AcceptSourceRoute = 9, "accept_source_route";
    /// Relay BOOTP.
    BootpRelay = 10, "bootp_relay";
    /// Log impossible addresses.
    LogMartians = 11, "log_martians";
    /// Free for the user.
    Tag = 12, "tag";
    /// Answer ARP only where the route back says so.
    ArpFilter = 13, "arp_filter";
    /// Identifies the medium for proxy ARP.
    MediumId = 14, "medium_id";
    /// No IPsec encryption.
    DisableXfrm = 15, "disable_xfrm";
    /// No IPsec policy.
    DisablePolicy = 16, "disable_policy";
    /// Fixes the IGMP version.
    ForceIgmpVersion = 17, "force_igmp_version";
    /// Which source address an ARP request announces.
    ArpAnnounce = 18, "arp_announce";
    /// Which ARP requests are ignored.
    ArpIgnore = 19, "arp_ignore";
    /// Deleting a primary address promotes a secondary.
    PromoteSecondaries = 20, "promote_secondaries";
    /// Learn neighbours from gratuitous ARP.
    ArpAccept = 21, "arp_accept";
    /// Announce an address by gratuitous ARP.
    ArpNotify = 22, "arp_notify";
    /// Accept packets from outside with a source address of ours.
    AcceptLocal = 23, "accept_local";
    /// Reverse path lookups use the mark.
    SrcValidMark = 24, "src_valid_mark";
    /// Proxy ARP within a private VLAN.
    ProxyArpPvlan = 25, "proxy_arp_pvlan";
    /// Route 127/8 like any network.
    RouteLocalnet = 26, "route_localnet";
    /// Milliseconds between unsolicited IGMPv2 reports.
    Igmpv2Interval = 27, "igmpv2_unsolicited_report_interval";
    /// Milliseconds between unsolicited IGMPv3 reports.
    Igmpv3Interval = 28, "igmpv3_unsolicited_report_interval";
    /// Pass over routes whose link has no carrier.
    IgnoreRoutesWithLinkdown = 29, "ignore_routes_with_linkdown";
    /// Drop unicast packets in broadcast frames.
    DropUnicastInL2Multicast = 30, "drop_unicast_in_l2_multicast";
    /// Drop gratuitous ARP.
    DropGratuitousArp = 31, "drop_gratuitous_arp";
    /// Forward directed broadcasts.
    BcForwarding = 32, "bc_forwarding";
    /// Forget neighbours when carrier is lost.
    ArpEvictNocarrier = 33, "arp_evict_nocarrier";
}

/// Settings of one link, or of `all` or `default`.
#[derive(Debug)]
pub struct LinkConf {
    values: [AtomicI32; Devconf::ALL.len()],
    /// A bit per setting that was chosen for this link: `default` no longer changes it.
    chosen: AtomicU64,
}

impl LinkConf {
    /// What Linux starts with: `default`, and every link of a fresh namespace.
    #[must_use]
    pub fn fresh() -> Self {
        let values = [const { AtomicI32::new(0) }; Devconf::ALL.len()];
        let conf = Self { values, chosen: AtomicU64::new(0) };
        let on = [
            Devconf::AcceptRedirects,
            Devconf::SecureRedirects,
            Devconf::SendRedirects,
            Devconf::SharedMedia,
            Devconf::AcceptSourceRoute,
            Devconf::ArpEvictNocarrier,
        ];
        for setting in on {
            conf.set(setting, 1);
        }
        conf.set(Devconf::Igmpv2Interval, 10_000);
        conf.set(Devconf::Igmpv3Interval, 1_000);
        conf
    }

    /// What `all` starts with.
    #[must_use]
    pub fn fresh_all() -> Self {
        let conf = Self::fresh();
        conf.set(Devconf::AcceptSourceRoute, 0);
        conf
    }

    /// A setting's value.
    #[must_use]
    pub fn get(&self, setting: Devconf) -> i32 {
        self.values[setting as usize - 1].load(Ordering::Relaxed)
    }

    /// Stores a value and nothing else; the user's choice goes through
    /// [`Namespace::set_conf`].
    pub(crate) fn set(&self, setting: Devconf, value: i32) {
        self.values[setting as usize - 1].store(value, Ordering::Relaxed);
    }

    /// Whether a switch is on.
    #[must_use]
    pub fn is_on(&self, setting: Devconf) -> bool {
        self.get(setting) != 0
    }

    /// All values, as `IFLA_INET_CONF` lists them.
    pub fn values(&self) -> impl Iterator<Item = i32> + '_ {
        self.values.iter().map(|value| value.load(Ordering::Relaxed))
    }

    /// Takes over every value of `other`: a link enters a namespace.
    pub(crate) fn copy_from(&self, other: &Self) {
        for (own, value) in self.values.iter().zip(other.values()) {
            own.store(value, Ordering::Relaxed);
        }
        self.chosen.store(0, Ordering::Relaxed);
    }

    pub(super) fn choose(&self, setting: Devconf) {
        self.chosen.fetch_or(1 << setting as u32, Ordering::Relaxed);
    }

    /// A link that got an address keeps what it has (Linux: `ipv4_devconf_setall`).
    pub(crate) fn choose_all(&self) {
        self.chosen.store(u64::MAX, Ordering::Relaxed);
    }

    pub(super) fn is_chosen(&self, setting: Devconf) -> bool {
        self.chosen.load(Ordering::Relaxed) & (1 << setting as u32) != 0
    }
}

impl Default for LinkConf {
    fn default() -> Self {
        Self::fresh()
    }
}
