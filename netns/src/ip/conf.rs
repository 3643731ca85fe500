//! IPv4 settings: `net.ipv4.*` of a namespace and `net.ipv4.conf.*` of its links.
//!
//! Plain numbers behind atomics: the data path reads them, a sysctl writer (or
//! `RTM_NEWLINK`) changes them by name.

use core::sync::atomic::{AtomicI32, AtomicU64, Ordering};

use crate::link::Link;
use crate::namespace::Namespace;

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

    fn choose(&self, setting: Devconf) {
        self.chosen.fetch_or(1 << setting as u32, Ordering::Relaxed);
    }

    /// A link that got an address keeps what it has (Linux: `ipv4_devconf_setall`).
    pub(crate) fn choose_all(&self) {
        self.chosen.store(u64::MAX, Ordering::Relaxed);
    }

    fn is_chosen(&self, setting: Devconf) -> bool {
        self.chosen.load(Ordering::Relaxed) & (1 << setting as u32) != 0
    }
}

impl Default for LinkConf {
    fn default() -> Self {
        Self::fresh()
    }
}

macro_rules! settings {
    ($($(#[doc = $doc:literal])* $name:ident = $sysctl:literal, $fresh:literal;)*) => {
        /// A setting of a namespace below `/proc/sys/net/ipv4/`.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Setting { $($(#[doc = $doc])* $name,)* }

        impl Setting {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The setting with this file name.
            #[must_use]
            pub fn from_name(name: &[u8]) -> Option<Self> {
                Self::ALL.iter().copied().find(|setting| setting.name().as_bytes() == name)
            }

            /// The file name below `/proc/sys/net/ipv4/`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $sysctl,)* }
            }

            const fn fresh(self) -> i32 {
                match self { $(Self::$name => $fresh,)* }
            }
        }
    };
}

settings! {
    /// Initial TTL.
    DefaultTtl = "ip_default_ttl", 64;
    /// Never answer echo requests.
    EchoIgnoreAll = "icmp_echo_ignore_all", 0;
    /// Never answer echo requests to a broadcast or multicast address.
    EchoIgnoreBroadcasts = "icmp_echo_ignore_broadcasts", 1;
    /// Ignore errors about broadcasts.
    IgnoreBogusErrors = "icmp_ignore_bogus_error_responses", 1;
    /// Errors carry the address of the link the packet came in by.
    ErrorsUseInboundAddress = "icmp_errors_use_inbound_ifaddr", 0;
    /// Milliseconds between ICMP errors to one destination.
    IcmpRateLimit = "icmp_ratelimit", 1_000;
    /// Which ICMP types are limited, a bit per type.
    IcmpRateMask = "icmp_ratemask", 6_168;
    /// ICMP messages a second, all destinations together.
    IcmpMessagesPerSecond = "icmp_msgs_per_sec", 1_000;
    /// ICMP messages at once, all destinations together.
    IcmpMessageBurst = "icmp_msgs_burst", 50;
    /// Bytes incomplete datagrams may hold.
    FragmentHighThreshold = "ipfrag_high_thresh", 4_194_304;
    /// Seconds an incomplete datagram waits.
    FragmentTime = "ipfrag_time", 30;
    /// Fragments of others between two of one datagram, at most.
    FragmentMaxDistance = "ipfrag_max_dist", 64;
    /// Sockets may bind to addresses that are not here.
    NonlocalBind = "ip_nonlocal_bind", 0;
    /// Never set DF on one's own account.
    NoPathMtuDiscovery = "ip_no_pmtu_disc", 0;
}

/// Settings of a namespace: its own, `conf/all` and `conf/default`.
#[derive(Debug)]
pub struct NamespaceConf {
    /// `conf/all`.
    pub all: LinkConf,
    /// `conf/default`: what a new link starts with.
    pub default: LinkConf,
    values: [AtomicI32; Setting::ALL.len()],
}

impl Default for NamespaceConf {
    fn default() -> Self {
        let conf = Self {
            all: LinkConf::fresh_all(),
            default: LinkConf::fresh(),
            values: [const { AtomicI32::new(0) }; Setting::ALL.len()],
        };
        for setting in Setting::ALL {
            conf.set(*setting, setting.fresh());
        }
        conf
    }
}

impl NamespaceConf {
    /// A setting's value.
    #[must_use]
    pub fn get(&self, setting: Setting) -> i32 {
        self.values[setting as usize].load(Ordering::Relaxed)
    }

    /// Changes a setting.
    pub fn set(&self, setting: Setting, value: i32) {
        self.values[setting as usize].store(value, Ordering::Relaxed);
    }

    /// Whether a switch is on.
    #[must_use]
    pub fn is_on(&self, setting: Setting) -> bool {
        self.get(setting) != 0
    }

    /// On if it is for the link or for all (Linux: `IN_DEV_ORCONF`).
    pub(crate) fn either(&self, link: &LinkConf, setting: Devconf) -> bool {
        self.all.is_on(setting) || link.is_on(setting)
    }

    /// The greater of the link's and all's (Linux: `IN_DEV_MAXCONF`).
    pub(crate) fn greater(&self, link: &LinkConf, setting: Devconf) -> i32 {
        self.all.get(setting).max(link.get(setting))
    }
}

/// Whose settings are meant: a directory below `/proc/sys/net/ipv4/conf/`.
#[derive(Clone, Copy, Debug)]
pub enum ConfTarget<'a> {
    /// `all`.
    All,
    /// `default`.
    Default,
    /// A link's.
    Link(&'a Link),
}

impl Namespace {
    /// A setting's value.
    #[must_use]
    pub fn conf(&self, target: ConfTarget<'_>, setting: Devconf) -> i32 {
        match target {
            ConfTarget::All => self.ip.conf.all.get(setting),
            ConfTarget::Default => self.ip.conf.default.get(setting),
            ConfTarget::Link(link) => link.conf4.get(setting),
        }
    }

    /// Changes a setting, with what Linux has follow from it: `all/forwarding` is
    /// `ip_forward`; `default` reaches the links for which nothing was chosen. `false`: the
    /// setting cannot be written (`mc_forwarding`).
    #[must_use]
    pub fn set_conf(&self, target: ConfTarget<'_>, setting: Devconf, value: i32) -> bool {
        if setting == Devconf::McForwarding {
            return false;
        }
        match target {
            ConfTarget::All if setting == Devconf::Forwarding => self.set_ip_forward(value != 0),
            ConfTarget::All => self.ip.conf.all.set(setting, value),
            ConfTarget::Default => {
                self.ip.conf.default.set(setting, value);
                self.for_each_link(|link| {
                    if !link.conf4.is_chosen(setting) {
                        link.conf4.set(setting, value);
                    }
                });
            }
            ConfTarget::Link(link) => {
                link.conf4.choose(setting);
                link.conf4.set(setting, value);
            }
        }
        true
    }

    /// `net.ipv4.ip_forward`: whether packets are forwarded at all.
    #[must_use]
    pub fn ip_forward(&self) -> bool {
        self.ip.conf.all.is_on(Devconf::Forwarding)
    }

    /// Switches forwarding for every link, present and to come; a router accepts no
    /// redirects (Linux: `inet_forward_change`).
    pub fn set_ip_forward(&self, on: bool) {
        let conf = &self.ip.conf;
        conf.all.set(Devconf::AcceptRedirects, i32::from(!on));
        conf.all.set(Devconf::Forwarding, i32::from(on));
        conf.default.set(Devconf::Forwarding, i32::from(on));
        self.for_each_link(|link| link.conf4.set(Devconf::Forwarding, i32::from(on)));
    }

    fn for_each_link(&self, act: impl Fn(&Link)) {
        let mut from = 0;
        while let Some(link) = self.link_at_or_after(from) {
            from = link.ifindex().get() + 1;
            act(&link);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_reaches_links_for_which_nothing_was_chosen() {
        let (stack, _platform) = crate::testing::stack();
        let cx = stack.enter(warren_platform::Instant::ZERO);
        let ns = stack.create_namespace(&cx).expect("a namespace");
        let lo = ns.link(crate::Ifindex::LOOPBACK).expect("lo");
        assert!(ns.set_conf(ConfTarget::Default, Devconf::RpFilter, 2));
        assert_eq!(ns.conf(ConfTarget::Link(&lo), Devconf::RpFilter), 2);
        assert!(ns.set_conf(ConfTarget::Link(&lo), Devconf::RpFilter, 1));
        assert!(ns.set_conf(ConfTarget::Default, Devconf::RpFilter, 0));
        assert_eq!(ns.conf(ConfTarget::Link(&lo), Devconf::RpFilter), 1);
        assert!(ns.set_conf(ConfTarget::All, Devconf::Forwarding, 1));
        assert!(ns.ip_forward() && lo.conf4.is_on(Devconf::Forwarding));
        assert!(!ns.set_conf(ConfTarget::All, Devconf::McForwarding, 1));
        assert_eq!(Devconf::from_name(b"rp_filter"), Some(Devconf::RpFilter));
    }

    #[test]
    fn fresh_settings_are_linux_s_and_in_linux_s_order() {
        // IFLA_INET_CONF of a new link, recorded from Linux 6.1.
        let mut recorded = [0; 33];
        for number in [4, 5, 6, 7, 9, 33] {
            recorded[number - 1] = 1;
        }
        recorded[26] = 10_000;
        recorded[27] = 1_000;
        assert!(LinkConf::fresh().values().eq(recorded));
        assert!(Devconf::ALL.iter().enumerate().all(|(at, setting)| *setting as usize == at + 1));
    }
}
