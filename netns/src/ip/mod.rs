//! IPv4 of a namespace: addresses, routes, and the way of a packet in, through and out.
//!
//! | control path | data path |
//! |---|---|
//! | [`address`]: addresses of links, and what follows for the routes | `input`: a frame is checked and routed |
//! | [`route`]: the FIB, what it accepts, what it holds | `local`, `reassembly`: up to the sockets |
//! | `link_hooks`: what a link's fate means here | `forward`: through, to another link |
//! | [`conf`]: settings | `output`, `fragment`: out by the way [`route::lookup`] found |
//! | [`mib`]: counters | `icmp`: echo answered, errors sent and handed up |
//!
//! Addresses and routes change together under one lock (`Routes`), and every change is
//! made under the namespace's `Config` lock. Readers share `Routes` for a lookup and keep
//! what they found by reference count.

pub mod address;
pub mod checksum;
pub mod conf;
mod forward;
mod fragment;
pub mod group;
mod header;
mod icmp;
mod input;
mod link_hooks;
mod local;
pub mod mib;
mod options;
mod output;
mod path_mtu;
pub mod prefix;
mod reassembly;
pub mod route;
pub mod scope;
#[cfg(test)]
mod tests;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::AtomicU32;

use warren_platform::lock::{self, RwLock};

use crate::cx::Cx;
use crate::event::Event;
use crate::link::Link;
use crate::namespace::Namespace;

pub use address::{
    Address, AddressFlags, AddressSelector, AddressSpec, IfExists, Label, Lifetimes,
};
pub use conf::LinkConf;
pub use output::OutputError;
pub use route::lookup::{Flow, RouteDecision};
pub use route::{
    Metrics, Nexthop, NexthopSpec, Route, RouteKind, RouteMode, RouteSelector, RouteSpec,
};
pub use scope::Scope;

/// IPv4's share of a namespace.
#[derive(Debug, Default)]
pub struct Ipv4State {
    pub(crate) tables: RwLock<lock::Routes, Tables>,
    /// The settings of the namespace as a whole and for links to come.
    pub conf: conf::NamespaceConf,
    /// The multicast groups its links listen to.
    pub groups: group::Groups,
    /// What was counted.
    pub mib: mib::Mib,
    pub(crate) reassembly: reassembly::Reassembly,
    pub(crate) limiter: icmp::limit::Limiter,
    pub(crate) path_mtus: path_mtu::PathMtus,
    /// The identification of the next packet.
    pub(crate) ident: AtomicU32,
}

/// Addresses, and the routes that follow from them or were added.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    pub(crate) addresses: address::table::AddressTable,
    pub(crate) fib: route::fib::Fib,
}

impl Ipv4State {
    fn linkdown(&self) -> route::fib::Linkdown {
        if self.conf.all.is_on(conf::Devconf::IgnoreRoutesWithLinkdown) {
            route::fib::Linkdown::Skipped
        } else {
            route::fib::Linkdown::AsLinkSays
        }
    }

    fn promotes_secondaries(&self, link: &Link) -> bool {
        self.conf.all.is_on(conf::Devconf::PromoteSecondaries)
            || link.conf4.is_on(conf::Devconf::PromoteSecondaries)
    }
}

/// Events of one change, kept until the tables are released.
#[derive(Debug, Default)]
pub(crate) struct Log(Vec<(Event, bool)>);

impl Log {
    /// What was asked for: its notification names who asked.
    fn by_request(&mut self, event: Event) {
        self.0.push((event, true));
    }

    /// What followed from it.
    fn follows(&mut self, event: Event) {
        self.0.push((event, false));
    }

    fn emit(self, ns: &Arc<Namespace>, cx: &Cx<'_>) {
        for (event, requested) in self.0 {
            let origin = if requested { cx.origin } else { None };
            ns.events.emit(ns, &Cx { origin, ..*cx }, || event);
        }
    }
}
