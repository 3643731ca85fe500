//! Netlink: the socket family through which user space configures the network.
//!
//! | module | what it is |
//! |---|---|
//! | [`socket`] | `AF_NETLINK` sockets: ports, groups, queues, options, dumps in parts |
//! | [`message`], [`attr`], [`ack`] | the bytes: headers, attributes and their policies, refusals |
//! | [`dump`] | what a dump is asked for |
//! | [`route`] | `NETLINK_ROUTE`: one folder or file per noun, and the notifications |
//! | [`kinds`] | what rtnetlink knows of each kind of link; a new kind adds a file and a line |
//!
//! Everything is answered to Linux 6.1's bytes; `docs/linux-abi.md` says what is not.
//! Lengths and types that user space wrote are believed only where [`attr`] checked them.
#![allow(clippy::wildcard_imports, reason = "a message's numbers, from its own abi module")]

pub mod abi;
pub mod ack;
pub mod attr;
pub mod dump;
pub mod kinds;
pub mod message;
pub mod route;
pub mod socket;

pub use socket::{NetlinkSocket, Received};
