//! The learning bridge (IEEE 802.1D): a link of its own whose ports are other links.
//!
//! A frame that a port receives is learned from, and goes to the port its destination is
//! behind, to all ports, to the bridge's own namespace, or nowhere. What the namespace
//! sends by the bridge goes the same ways. Ports are in the bridge's namespace.
//!
//! | module | what it is |
//! |---|---|
//! | [`control`](Bridge) | the link kind: ports come and go, addresses, MTU, carrier |
//! | `settings` | what `IFLA_BR_*` and `IFLA_BRPORT_*` set, and what is refused |
//! | `datapath` | one frame's way through the bridge |
//! | `fdb` | which station is behind which port |
//! | `port`, `switch` | one port; what the link and its ports share |
//!
//! Not here yet, and refused rather than ignored: the spanning tree protocol, VLAN
//! filtering, multicast snooping (multicast is flooded, as Linux does while no querier is
//! about).
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod control;
mod datapath;
mod fdb;
mod port;
mod settings;
mod switch;

pub use control::{Bridge, create};
pub use fdb::{EntryKind, FdbEntry, MAX_LEARNED};
pub use port::{MAX_PORTS, Port, PortFlags, PortState};
pub use settings::{BridgeError, PortSetting, Setting, Settings};
pub use switch::BridgeId;
