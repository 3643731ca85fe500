//! A port: one link as the bridge sees it, and how frames may pass it.

use alloc::sync::{Arc, Weak};
use core::num::NonZeroU16;
use core::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, Ordering};

use warren_netns::{Link, MacAddr};

/// Ports a bridge may have, port number zero being reserved (Linux: BR_MAX_PORTS).
pub const MAX_PORTS: u16 = 1_023;

/// Priority of a new port in the upper six bits of its identifier (0x8000 >> 10).
const DEFAULT_PRIORITY: u8 = 32;

/// The spanning tree's state of a port (`IFLA_BRPORT_STATE`, IEEE 802.1D 7.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(u8)]
pub enum PortState {
    /// Nothing passes.
    #[default]
    Disabled = 0,
    /// Nothing passes; the spanning tree listens.
    Listening = 1,
    /// Sources are learned, nothing passes.
    Learning = 2,
    /// Frames pass.
    Forwarding = 3,
    /// Nothing passes: the spanning tree keeps the port back.
    Blocking = 4,
}

impl PortState {
    /// The state with this number.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Disabled,
            1 => Self::Listening,
            2 => Self::Learning,
            3 => Self::Forwarding,
            4 => Self::Blocking,
            _ => return None,
        })
    }
}

bitflags::bitflags! {
    /// What a port does with frames (the boolean `IFLA_BRPORT_*`).
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct PortFlags: u32 {
        /// A frame may leave by the port it came in by.
        const HAIRPIN = 1 << 0;
        /// Sources are learned.
        const LEARNING = 1 << 1;
        /// Unicast frames to unknown stations go out here.
        const FLOOD = 1 << 2;
        /// Multicast frames go out here.
        const MULTICAST_FLOOD = 1 << 3;
        /// Broadcast frames go out here.
        const BROADCAST_FLOOD = 1 << 4;
        /// Nothing passes between two isolated ports.
        const ISOLATED = 1 << 5;
    }
}

impl Default for PortFlags {
    /// Linux's for a new port (`new_nbp`).
    fn default() -> Self {
        Self::LEARNING | Self::FLOOD | Self::MULTICAST_FLOOD | Self::BROADCAST_FLOOD
    }
}

/// See the module. Written by the control path, read per frame.
#[derive(Debug)]
pub struct Port {
    number: NonZeroU16,
    link: Weak<Link>,
    state: AtomicU8,
    flags: AtomicU32,
    path_cost: AtomicU32,
    priority: AtomicU8,
    group_fwd_mask: AtomicU16,
}

impl Port {
    pub(crate) fn new(number: NonZeroU16, link: &Arc<Link>) -> Arc<Self> {
        Arc::new(Self {
            number,
            link: Arc::downgrade(link),
            state: AtomicU8::new(PortState::Disabled as u8),
            flags: AtomicU32::new(PortFlags::default().bits()),
            path_cost: AtomicU32::new(cost_of(link.kind().speed_mbps())),
            priority: AtomicU8::new(DEFAULT_PRIORITY),
            group_fwd_mask: AtomicU16::new(0),
        })
    }

    /// Its number in the bridge, from 1 (`IFLA_BRPORT_NO`).
    #[must_use]
    pub const fn number(&self) -> u16 {
        self.number.get()
    }

    /// The link; `None` once that is gone.
    #[must_use]
    pub fn link(&self) -> Option<Arc<Link>> {
        self.link.upgrade()
    }

    pub(crate) fn is_link(&self, link: &Arc<Link>) -> bool {
        core::ptr::eq(self.link.as_ptr(), Arc::as_ptr(link))
    }

    /// The link's address; zero once the link is gone.
    #[must_use]
    pub fn mac(&self) -> MacAddr {
        self.link().map_or(MacAddr::ZERO, |link| link.mac())
    }

    /// `IFLA_BRPORT_STATE`.
    #[must_use]
    pub fn state(&self) -> PortState {
        PortState::from_number(self.state.load(Ordering::Acquire)).unwrap_or_default()
    }

    pub(crate) fn set_state(&self, state: PortState) {
        self.state.store(state as u8, Ordering::Release);
    }

    /// What it does with frames.
    #[must_use]
    pub fn flags(&self) -> PortFlags {
        PortFlags::from_bits_retain(self.flags.load(Ordering::Acquire))
    }

    pub(crate) fn set_flags(&self, flags: PortFlags) {
        self.flags.store(flags.bits(), Ordering::Release);
    }

    /// `IFLA_BRPORT_COST`.
    #[must_use]
    pub fn path_cost(&self) -> u32 {
        self.path_cost.load(Ordering::Relaxed)
    }

    pub(crate) fn set_path_cost(&self, cost: u32) {
        self.path_cost.store(cost, Ordering::Relaxed);
    }

    /// `IFLA_BRPORT_PRIORITY`, 0 to 63.
    #[must_use]
    pub fn priority(&self) -> u8 {
        self.priority.load(Ordering::Relaxed)
    }

    pub(crate) fn set_priority(&self, priority: u8) {
        self.priority.store(priority, Ordering::Relaxed);
    }

    /// `IFLA_BRPORT_ID`: priority and number in one (IEEE 802.1t 9.2.7).
    #[must_use]
    pub fn id(&self) -> u16 {
        u16::from(self.priority()) << 10 | self.number()
    }

    /// `IFLA_BRPORT_GROUP_FWD_MASK`.
    #[must_use]
    pub fn group_fwd_mask(&self) -> u16 {
        self.group_fwd_mask.load(Ordering::Relaxed)
    }

    pub(crate) fn set_group_fwd_mask(&self, mask: u16) {
        self.group_fwd_mask.store(mask, Ordering::Relaxed);
    }
}

/// The spanning tree's cost of a link (Linux: `port_cost`, after IEEE 802.1D 17.14).
const fn cost_of(speed_mbps: Option<u32>) -> u32 {
    match speed_mbps {
        Some(10_001..) => 1,
        Some(10_000) => 2,
        Some(5_000) => 3,
        Some(2_500) => 4,
        Some(1_000) => 5,
        Some(100) => 19,
        _ => 100,
    }
}
