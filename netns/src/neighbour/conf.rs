//! How neighbours are kept: `net.ipv4.neigh.default.*`.

use core::sync::atomic::{AtomicU32, Ordering};

use warren_platform::Duration;

macro_rules! settings {
    ($($(#[doc = $doc:literal])* $name:ident = $sysctl:literal, $fresh:literal;)*) => {
        /// A setting of the neighbour table.
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

            /// The file name below `/proc/sys/net/ipv4/neigh/default/`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $sysctl,)* }
            }

            const fn fresh(self) -> u32 {
                match self { $(Self::$name => $fresh,)* }
            }
        }
    };
}

settings! {
    /// Multicast probes before giving up.
    McastProbes = "mcast_solicit", 3;
    /// Unicast probes before giving up.
    UcastProbes = "ucast_solicit", 3;
    /// Milliseconds between probes.
    RetransMs = "retrans_time_ms", 1_000;
    /// Milliseconds an answer vouches for, on average.
    BaseReachableMs = "base_reachable_time_ms", 30_000;
    /// Seconds between the first use of a stale entry and its first probe.
    DelayFirstProbe = "delay_first_probe_time", 5;
    /// Seconds after which an unused entry may go.
    GcStale = "gc_stale_time", 60;
    /// Bytes of packets that may wait for one neighbour.
    QueueBytes = "unres_qlen_bytes", 212_992;
    /// Hundredths of a second in which a second answer does not override the first.
    LockTime = "locktime", 100;
    /// Entries below which none are collected.
    GcThresh1 = "gc_thresh1", 128;
    /// Entries above which those older than five seconds are collected.
    GcThresh2 = "gc_thresh2", 512;
    /// Entries at most.
    GcThresh3 = "gc_thresh3", 1_024;
    /// Seconds between collections.
    GcInterval = "gc_interval", 30;
}

/// The settings' values.
#[derive(Debug)]
pub struct NeighbourConf([AtomicU32; Setting::ALL.len()]);

impl Default for NeighbourConf {
    fn default() -> Self {
        let conf = Self([const { AtomicU32::new(0) }; Setting::ALL.len()]);
        for setting in Setting::ALL {
            conf.set(*setting, setting.fresh());
        }
        conf
    }
}

impl NeighbourConf {
    /// A setting's value.
    #[must_use]
    pub fn get(&self, setting: Setting) -> u32 {
        self.0[setting as usize].load(Ordering::Relaxed)
    }

    /// Changes a setting.
    pub fn set(&self, setting: Setting, value: u32) {
        self.0[setting as usize].store(value, Ordering::Relaxed);
    }

    /// The values one step of an entry needs. `random` picks the reachable time: half to
    /// one and a half times the base (RFC 4861, 6.3.2).
    pub(crate) fn timing(&self, random: u32) -> Timing {
        let base = u64::from(self.get(Setting::BaseReachableMs));
        let reachable = if base == 0 { 0 } else { base / 2 + u64::from(random) % base };
        let seconds = |setting| Duration::from_secs(u64::from(self.get(setting)));
        Timing {
            mcast_probes: self.get(Setting::McastProbes),
            ucast_probes: self.get(Setting::UcastProbes),
            // Linux never waits less than a hundredth of a second.
            retrans: Duration::from_millis(u64::from(self.get(Setting::RetransMs).max(10))),
            reachable: Duration::from_millis(reachable),
            twice_base: Duration::from_millis(base * 2),
            delay_first_probe: seconds(Setting::DelayFirstProbe),
            lock: Duration::from_millis(u64::from(self.get(Setting::LockTime)) * 10),
            queue_bytes: self.get(Setting::QueueBytes) as usize,
        }
    }
}

/// The settings as one step of an entry needs them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    pub(crate) mcast_probes: u32,
    pub(crate) ucast_probes: u32,
    pub(crate) retrans: Duration,
    pub(crate) reachable: Duration,
    pub(crate) twice_base: Duration,
    pub(crate) delay_first_probe: Duration,
    pub(crate) lock: Duration,
    pub(crate) queue_bytes: usize,
}
