//! Warren's core: network namespaces as first-class objects.
//!
//! A [`Stack`] holds namespaces and the NAPI manager, and nothing else is global. A
//! [`Namespace`] holds its links, addresses, routes, neighbours, sockets, counters and
//! deadlines. A [`Link`] is a device as rtnetlink sees it; what it does with a frame is its
//! kind's business ([`LinkKind`]).
//!
//! The core decides, the host acts: every entry is handed a [`Cx`] (`now`, the CPU, the
//! stack); effects leave as return values, [`event`]s or calls of
//! [`Platform`](warren_platform::Platform).
//!
//! Where to look:
//!
//! | module | what it is |
//! |---|---|
//! | [`stack`], [`namespace`] | the registry; one namespace, its control path, its life and death |
//! | [`ip`] | IPv4: addresses, routes, a packet's way |
//! | [`neighbour`] | ARP: states, timers, bounds |
//! | [`link`] | links, their kinds, loopback and dummy |
//! | [`napi`], [`deadline`] | who polls, and who keeps time |
//! | [`socket`] | UDP, TCP, ping and raw sockets, their tables |
//! | [`event`] | what the control path tells subscribers |
//! | [`ids`], [`cap`], [`error`], [`drop_reason`] | numbers, permission, refusals, drops |
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod cap;
pub mod cx;
pub mod deadline;
pub mod drop_reason;
pub mod error;
pub mod event;
pub mod ids;
pub mod ip;
pub mod link;
pub mod namespace;
pub mod napi;
pub mod neighbour;
pub mod socket;
pub mod stack;
#[cfg(test)]
mod testing;

pub use cap::NetAdmin;
pub use cx::{Cx, Origin};
pub use drop_reason::DropReason;
pub use ids::{IfName, Ifindex, LinkId, MacAddr, Mtu, NsId};
pub use link::{Link, LinkKind};
pub use namespace::Namespace;
pub use stack::Stack;
