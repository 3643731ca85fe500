//! Settings of a namespace: `net.ipv4.*`. All of them act.

use core::sync::atomic::{AtomicI32, Ordering};

use super::{Devconf, LinkConf};

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
    /// Sockets may bind to addresses that are not here.
    NonlocalBind = "ip_nonlocal_bind", 0;
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
