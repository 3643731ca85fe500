//! Neighbours: which station on a link has an IPv4 address (RFC 826), and how sure we are.
//!
//! [`entry`] is the state machine of one neighbour, pure: it is told what happened and when,
//! and says what to do. [`table`] keeps the entries within bounds. Control path:
//! [`control`] (`ip neigh`). Data path: [`resolve`] (a packet wants out, a timer is due) and
//! [`arp`] (the packets).

pub(crate) mod arp;
pub mod conf;
mod control;
mod entry;
mod resolve;
mod table;

use core::net::Ipv4Addr;

use warren_platform::Instant;
use warren_platform::lock::{self, Mutex};

use crate::ids::{Ifindex, MacAddr};

pub use control::{NeighbourSpec, NeighbourUpdate};
pub(crate) use resolve::{HandOver, transmit};

/// A namespace's neighbours and how they are kept.
#[derive(Debug, Default)]
pub struct Neighbours {
    pub(crate) table: Mutex<lock::Neighbours, table::Table>,
    /// `net.ipv4.neigh.default.*`.
    pub conf: conf::NeighbourConf,
}

bitflags::bitflags! {
    /// `ndm_state` (include/uapi/linux/neighbour.h): one bit at a time, or none.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct NeighbourState: u16 {
        /// Being resolved; packets wait.
        const INCOMPLETE = 0x01;
        /// Known, and heard from lately.
        const REACHABLE = 0x02;
        /// Known, not heard from lately.
        const STALE = 0x04;
        /// Known, used; about to be probed unless somebody vouches for it.
        const DELAY = 0x08;
        /// Known, being probed.
        const PROBE = 0x10;
        /// Did not answer.
        const FAILED = 0x20;
        /// Needs no resolution.
        const NOARP = 0x40;
        /// Set by the user, for ever.
        const PERMANENT = 0x80;

        /// A timer runs (NUD_IN_TIMER).
        const IN_TIMER = 0x01 | 0x02 | 0x08 | 0x10;
        /// The hardware address may be used (NUD_VALID).
        const VALID = 0x80 | 0x40 | 0x02 | 0x10 | 0x04 | 0x08;
        /// It may be used without a second thought (NUD_CONNECTED).
        const CONNECTED = 0x80 | 0x40 | 0x02;
    }
}

bitflags::bitflags! {
    /// `ndm_flags`.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct NeighbourFlags: u8 {
        /// NTF_USE: resolve it now.
        const USE = 0x01;
        /// NTF_EXT_LEARNED: a control plane vouches for it.
        const EXT_LEARNED = 0x10;
        /// NTF_ROUTER.
        const ROUTER = 0x80;
    }
}

/// A neighbour at one moment, as `RTM_NEWNEIGH` reports it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Neighbour {
    /// The link it is on.
    pub ifindex: Ifindex,
    /// `NDA_DST`.
    pub addr: Ipv4Addr,
    /// `NDA_LLADDR`: shown only while valid.
    pub mac: Option<MacAddr>,
    /// `ndm_state`.
    pub state: NeighbourState,
    /// `ndm_flags`.
    pub flags: NeighbourFlags,
    /// `NDA_PROBES`.
    pub probes: u32,
    /// `NDA_PROTOCOL`: who set it.
    pub protocol: u8,
    /// When somebody last vouched for it (`ndm_confirmed`).
    pub confirmed: Instant,
    /// When a packet last asked for it (`ndm_used`).
    pub used: Instant,
    /// When it last changed (`ndm_updated`).
    pub updated: Instant,
    /// `ndm_refcnt`: whether a timer holds it.
    pub refs: u32,
}
