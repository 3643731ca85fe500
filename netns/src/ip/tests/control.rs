//! The control path of addresses and routes against what Linux does.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use warren_platform::lock::{self, Mutex};
use warren_platform::{Duration, Instant};

use super::{Host, addr};
use crate::cx::Cx;
use crate::error::{AddrError, RouteError};
use crate::event::{Event, EventSink};
use crate::ids::{IfName, Ifindex};
use crate::ip::conf::{ConfTarget, Devconf};
use crate::ip::{
    AddressFlags, AddressSelector, AddressSpec, Flow, IfExists, Label, Lifetimes, NexthopSpec,
    Route, RouteKind, RouteMode, RouteSelector, RouteSpec, Scope,
};
use crate::link::{Dummy, Link};
use crate::namespace::Namespace;
use crate::namespace::change::LinkChange;
use crate::namespace::links::{LinkSpec, NameRequest};

#[derive(Debug, Default)]
struct Ear(Mutex<lock::Events, Vec<String>>);

impl EventSink for Ear {
    fn event(&self, _ns: &Arc<Namespace>, event: &Event, _cx: &Cx<'_>) {
        let heard = match event {
            Event::AddrNew { address } => format!("+addr {}", address.local),
            Event::AddrGone { address } => format!("-addr {}", address.local),
            Event::RouteNew { route, .. } => format!("+{}", show(route)),
            Event::RouteGone { route } => format!("-{}", show(route)),
            _ => return,
        };
        self.0.lock().push(heard);
    }
}

/// A route as `ip route show table all` prints it, less what is always the same.
fn show(route: &Route) -> String {
    let mut text = String::new();
    match route.kind {
        RouteKind::Unicast => {}
        RouteKind::Local => text += "local ",
        RouteKind::Broadcast => text += "broadcast ",
        other => text += &format!("{other:?} "),
    }
    text += &format!("{}", route.dst);
    if route.prefix_len != 32 {
        text += &format!("/{}", route.prefix_len);
    }
    for way in &route.nexthops {
        if let Some(gateway) = way.gateway {
            text += &format!(" via {gateway}");
        }
        text += &format!(" dev {}", way.oif);
    }
    if let Some(prefsrc) = route.prefsrc {
        text += &format!(" src {prefsrc}");
    }
    if route.priority != 0 {
        text += &format!(" metric {}", route.priority);
    }
    text
}

struct Listening {
    host: Host,
    ear: Arc<Ear>,
}

impl core::ops::Deref for Listening {
    type Target = Host;
    fn deref(&self) -> &Host {
        &self.host
    }
}

impl Listening {
    /// A host whose loopback is down, and an ear for its events.
    fn new() -> Self {
        let host = Host::new();
        let lo = host.ns.link(Ifindex::LOOPBACK).expect("every namespace has lo");
        host.set_up(&lo, false);
        let all = AddressSelector::default();
        host.ns.delete_address(&host.admin, &lo, &all, &host.cx()).expect("127.0.0.1");
        *host.now.lock() = Instant::ZERO;
        let ear = Arc::new(Ear::default());
        host.ns.events.subscribe(ear.clone());
        Self { host, ear }
    }

    fn link(&self, name: &str) -> Arc<Link> {
        let name = IfName::new(name.as_bytes()).expect("a name");
        let spec = LinkSpec::named(NameRequest::Exact(name));
        let kind = Box::<Dummy>::default();
        self.ns.create_link(&self.admin, &spec, kind, &self.cx()).expect("a free name")
    }

    fn delete(&self, link: &Arc<Link>, local: &str) -> Result<(), AddrError> {
        let selector = AddressSelector { local: Some(addr(local)), ..AddressSelector::default() };
        self.ns.delete_address(&self.admin, link, &selector, &self.cx())
    }

    fn routes(&self) -> Vec<String> {
        self.ns.routes().expect("memory").iter().map(|route| show(route)).collect()
    }

    fn heard(&self) -> Vec<String> {
        core::mem::take(&mut *self.ear.0.lock())
    }
}

#[test]
fn routes_follow_from_addresses_in_the_order_linux_shows() {
    let host = Listening::new();
    let lo = host.ns.link(Ifindex::LOOPBACK).expect("every namespace has lo");
    let v0 = host.link("v0");
    host.set_up(&lo, true);
    host.set_up(&v0, true);
    host.heard();
    host.add(&v0, "10.9.0.1", 24).expect("free");
    // vectors/monitor_all.txt and route_show_all.txt, recorded from Linux 6.1.
    let heard = [
        "+addr 10.9.0.1",
        "+local 10.9.0.1 dev 2 src 10.9.0.1",
        "+10.9.0.0/24 dev 2 src 10.9.0.1",
        "+broadcast 10.9.0.255 dev 2 src 10.9.0.1",
    ];
    assert_eq!(host.heard(), heard);
    let shown = [
        "10.9.0.0/24 dev 2 src 10.9.0.1",
        "local 10.9.0.1 dev 2 src 10.9.0.1",
        "broadcast 10.9.0.255 dev 2 src 10.9.0.1",
        "local 127.0.0.0/8 dev 1 src 127.0.0.1",
        "local 127.0.0.1 dev 1 src 127.0.0.1",
        "broadcast 127.255.255.255 dev 1 src 127.0.0.1",
    ];
    assert_eq!(host.routes(), shown);
    host.delete(&v0, "10.9.0.1").expect("there");
    let heard = [
        "-addr 10.9.0.1",
        "-10.9.0.0/24 dev 2 src 10.9.0.1",
        "-broadcast 10.9.0.255 dev 2 src 10.9.0.1",
        "-local 10.9.0.1 dev 2 src 10.9.0.1",
    ];
    assert_eq!(host.heard(), heard);
    assert_eq!(host.delete(&v0, "10.9.0.1"), Err(AddrError::NotFound));
}

#[test]
fn a_link_that_goes_down_keeps_addresses_and_local_routes_only() {
    let host = Listening::new();
    let v0 = host.link("v0");
    host.add(&v0, "10.9.0.1", 24).expect("free");
    assert_eq!(host.routes(), ["local 10.9.0.1 dev 2 src 10.9.0.1"]);
    host.set_up(&v0, true);
    host.via("0.0.0.0", 0, "10.9.0.2").expect("reachable");
    assert_eq!(host.routes()[0], "0.0.0.0/0 via 10.9.0.2 dev 2");
    host.heard();
    host.set_up(&v0, false);
    assert_eq!(host.routes(), ["local 10.9.0.1 dev 2 src 10.9.0.1"]);
    assert_eq!(host.heard(), Vec::<String>::new());
    host.ns.delete_link(&host.admin, &v0, &host.cx()).expect("deletable");
    assert_eq!(host.routes(), Vec::<String>::new());
    let heard = ["-addr 10.9.0.1", "-local 10.9.0.1 dev 2 src 10.9.0.1"];
    assert_eq!(host.heard(), heard);
}

#[test]
fn what_linux_refuses_is_refused_and_changes_nothing() {
    let host = Listening::new();
    let v0 = host.link("v0");
    host.set_up(&v0, true);
    host.add(&v0, "10.9.0.1", 24).expect("free");
    let before = host.routes();
    assert_eq!(host.add(&v0, "10.9.0.1", 24), Err(AddrError::Exists));
    assert_eq!(host.add(&v0, "10.9.0.1", 33), Err(AddrError::Invalid));
    assert_eq!(host.via("0.0.0.0", 0, "10.99.0.2"), Err(RouteError::BadGateway));
    assert_eq!(host.via("0.0.0.0", 0, "10.9.0.255"), Err(RouteError::GatewayNotUnicast));
    assert_eq!(host.via("10.1.0.1", 24, "10.9.0.2"), Err(RouteError::InvalidPrefix));
    assert_eq!(host.via("10.1.0.0", 33, "10.9.0.2"), Err(RouteError::InvalidPrefixLength));
    let mode = RouteMode::CREATE | RouteMode::EXCL;
    let plain = RouteSpec::unicast(addr("10.1.0.0"), 16, NexthopSpec::new(None, None));
    let add = |spec: &RouteSpec| host.ns.add_route(&host.admin, spec, mode, &host.cx());
    assert_eq!(add(&plain), Err(RouteError::NoLink));
    let src = RouteSpec { prefsrc: Some(addr("10.9.0.9")), ..via_v0(&plain) };
    assert_eq!(add(&src), Err(RouteError::BadSource));
    let hole = RouteSpec { kind: RouteKind::Blackhole, ..via_v0(&plain) };
    assert_eq!(add(&hole), Err(RouteError::RefusalWithNexthop));
    let scope = RouteSpec { scope: Scope::NOWHERE, ..via_v0(&plain) };
    assert_eq!(add(&scope), Err(RouteError::InvalidScope));
    let selector = RouteSelector::to(addr("10.1.0.0"), 16);
    let deleted = host.ns.delete_route(&host.admin, &selector, &host.cx());
    assert_eq!(deleted, Err(RouteError::NotFound));
    let selector = RouteSelector { table: 77, ..selector };
    let deleted = host.ns.delete_route(&host.admin, &selector, &host.cx());
    assert_eq!(deleted, Err(RouteError::NoTable));
    assert_eq!(host.routes(), before);
}

fn via_v0(spec: &RouteSpec) -> RouteSpec {
    let nexthop = NexthopSpec::new(None, Ifindex::new(2));
    RouteSpec { nexthops: vec![nexthop], ..spec.clone() }
}

#[test]
fn create_exclusive_replace_append_and_prepend_place_a_route() {
    let host = Listening::new();
    let v0 = host.link("v0");
    host.set_up(&v0, true);
    host.add(&v0, "10.9.0.1", 24).expect("free");
    let spec = |gateway: &str, priority| {
        let nexthop = NexthopSpec::new(Some(addr(gateway)), None);
        RouteSpec { priority, ..RouteSpec::unicast(addr("10.1.0.0"), 16, nexthop) }
    };
    let add = |spec: RouteSpec, mode| host.ns.add_route(&host.admin, &spec, mode, &host.cx());
    let (create, excl) = (RouteMode::CREATE, RouteMode::EXCL);
    assert_eq!(add(spec("10.9.0.2", 0), RouteMode::empty()), Err(RouteError::NoEntry));
    assert_eq!(add(spec("10.9.0.2", 0), create | excl), Ok(()));
    assert_eq!(add(spec("10.9.0.3", 0), create | excl), Err(RouteError::Exists));
    assert_eq!(add(spec("10.9.0.3", 0), create | RouteMode::APPEND), Ok(()));
    assert_eq!(add(spec("10.9.0.4", 0), create), Ok(()));
    assert_eq!(add(spec("10.9.0.5", 9), create | excl), Ok(()));
    assert_eq!(add(spec("10.9.0.6", 0), create | RouteMode::REPLACE), Ok(()));
    assert_eq!(add(spec("10.9.0.3", 0), create | RouteMode::REPLACE), Err(RouteError::Exists));
    assert_eq!(add(spec("10.9.0.6", 0), create | RouteMode::REPLACE), Ok(()));
    let gateways: Vec<String> =
        host.routes().into_iter().filter(|r| r.starts_with("10.1.")).collect();
    let expected = [
        "10.1.0.0/16 via 10.9.0.6 dev 2",
        "10.1.0.0/16 via 10.9.0.2 dev 2",
        "10.1.0.0/16 via 10.9.0.3 dev 2",
        "10.1.0.0/16 via 10.9.0.5 dev 2 metric 9",
    ];
    assert_eq!(gateways, expected);
    let by_metric = RouteSelector { priority: 9, ..RouteSelector::to(addr("10.1.0.0"), 16) };
    host.ns.delete_route(&host.admin, &by_metric, &host.cx()).expect("there");
    assert!(!host.routes().iter().any(|r| r.contains("metric 9")));
}

#[test]
fn the_longest_prefix_wins_and_the_source_is_chosen_as_linux_does() {
    let host = Listening::new();
    let lo = host.ns.link(Ifindex::LOOPBACK).expect("every namespace has lo");
    host.set_up(&lo, true);
    let (v0, v1) = (host.link("v0"), host.link("v1"));
    host.set_up(&v0, true);
    host.set_up(&v1, true);
    host.add(&v0, "10.9.0.1", 24).expect("free");
    host.add(&v1, "10.8.0.1", 24).expect("free");
    host.via("0.0.0.0", 0, "10.9.0.2").expect("reachable");
    host.via("192.0.2.0", 24, "10.8.0.2").expect("reachable");
    let answer = |dst: &str| {
        let way = host.ns.lookup_route(&Flow::to(addr(dst))).expect("a way");
        let gateway = way.gateway.map_or_else(String::new, |gateway| format!(" via {gateway}"));
        format!("{:?} dev {}{gateway} src {}", way.kind, way.link.ifindex(), way.source)
    };
    assert_eq!(answer("10.9.0.7"), "Unicast dev 2 src 10.9.0.1");
    assert_eq!(answer("192.0.2.1"), "Unicast dev 3 via 10.8.0.2 src 10.8.0.1");
    assert_eq!(answer("198.51.100.1"), "Unicast dev 2 via 10.9.0.2 src 10.9.0.1");
    assert_eq!(answer("10.9.0.255"), "Broadcast dev 2 src 10.9.0.1");
    assert_eq!(answer("10.8.0.1"), "Local dev 1 src 10.8.0.1");
    assert_eq!(answer("127.3.2.1"), "Local dev 1 src 127.0.0.1");
    assert_eq!(answer("0.0.0.0"), "Local dev 1 src 127.0.0.1");
    let foreign = Flow { src: Some(addr("9.9.9.9")), ..Flow::to(addr("10.9.0.7")) };
    assert_eq!(host.ns.lookup_route(&foreign).err(), Some(RouteError::Unreachable));
    let off_link = Flow { oif: Some(v1.ifindex()), ..Flow::to(addr("10.9.0.7")) };
    let way = host.ns.lookup_route(&off_link).expect("the user knows better");
    assert_eq!((way.link.id(), way.source, way.gateway), (v1.id(), addr("10.8.0.1"), None));
}

#[test]
fn a_lifetime_first_deprecates_and_then_removes() {
    let host = Listening::new();
    let v0 = host.link("v0");
    let spec = AddressSpec {
        lifetimes: Lifetimes { valid: 20, preferred: 10 },
        ..AddressSpec::new(addr("10.9.0.1"), 24)
    };
    host.ns.add_address(&host.admin, &v0, &spec, IfExists::Refuse, &host.cx()).expect("free");
    host.heard();
    assert_eq!(host.ns.deadlines.earliest(), Some(Instant::ZERO + Duration::from_secs(10)));
    host.ns.addresses_due(&host.stack.enter(Instant::from_millis(10_000)));
    assert_eq!(host.heard(), ["+addr 10.9.0.1"]);
    let address = host.ns.primary_address(v0.ifindex()).expect("still there");
    assert_eq!(address.flags, AddressFlags::DEPRECATED);
    let left = address.lifetimes_left(Instant::from_millis(15_000));
    assert_eq!(left, Lifetimes { valid: 5, preferred: 0 });
    host.ns.addresses_due(&host.stack.enter(Instant::from_millis(20_000)));
    assert_eq!(host.heard(), ["-addr 10.9.0.1", "-local 10.9.0.1 dev 2 src 10.9.0.1"]);
    assert_eq!(host.ns.deadlines.earliest(), None);
}

#[test]
fn labels_follow_a_new_name() {
    let host = Listening::new();
    let v0 = host.link("v0");
    host.add(&v0, "10.9.0.1", 24).expect("free");
    let spec =
        AddressSpec { label: Label::new(b"v0:web"), ..AddressSpec::new(addr("10.9.0.2"), 24) };
    host.ns.add_address(&host.admin, &v0, &spec, IfExists::Refuse, &host.cx()).expect("free");
    let change = LinkChange { name: IfName::new(b"uplink"), ..LinkChange::default() };
    host.ns.change_link(&host.admin, &v0, &change, &host.cx()).expect("down, and free");
    host.add(&v0, "10.9.0.3", 24).expect("free");
    let change = LinkChange { name: IfName::new(b"lan"), ..LinkChange::default() };
    host.ns.change_link(&host.admin, &v0, &change, &host.cx()).expect("down, and free");
    let labels: Vec<_> = host.ns.addresses().expect("memory").iter().map(|a| a.label).collect();
    let label = |text: &[u8]| Label::new(text).expect("short");
    assert_eq!(labels, [label(b"lan"), label(b"lan:web"), label(b"lan:3")]);
}

/// Recorded from Linux 6.1.0-56 with `ip monitor address route`.
#[test]
fn a_primary_goes_with_its_secondaries_or_is_inherited_as_linux_announces_it() {
    let host = Listening::new();
    let v0 = host.link("v0");
    host.set_up(&v0, true);
    let add_three = || {
        for local in ["10.9.0.1", "10.9.0.2", "10.9.0.3"] {
            host.add(&v0, local, 24).expect("free");
        }
        host.heard();
    };
    add_three();
    host.delete(&v0, "10.9.0.1").expect("there");
    let heard = [
        "-addr 10.9.0.2",
        "-local 10.9.0.2 dev 2 src 10.9.0.1",
        "-addr 10.9.0.3",
        "-local 10.9.0.3 dev 2 src 10.9.0.1",
        "-addr 10.9.0.1",
        "-10.9.0.0/24 dev 2 src 10.9.0.1",
        "-broadcast 10.9.0.255 dev 2 src 10.9.0.1",
        "-local 10.9.0.1 dev 2 src 10.9.0.1",
    ];
    assert_eq!(host.heard(), heard);
    assert!(host.ns.set_conf(ConfTarget::Link(&v0), Devconf::PromoteSecondaries, 1));
    add_three();
    host.delete(&v0, "10.9.0.1").expect("there");
    let heard = [
        "-local 10.9.0.2 dev 2 src 10.9.0.1",
        "-local 10.9.0.3 dev 2 src 10.9.0.1",
        "-addr 10.9.0.1",
        "-10.9.0.0/24 dev 2 src 10.9.0.1",
        "-broadcast 10.9.0.255 dev 2 src 10.9.0.1",
        "-local 10.9.0.1 dev 2 src 10.9.0.1",
        "+addr 10.9.0.2",
        "+local 10.9.0.2 dev 2 src 10.9.0.2",
        "+10.9.0.0/24 dev 2 src 10.9.0.2",
        "+broadcast 10.9.0.255 dev 2 src 10.9.0.2",
        "+local 10.9.0.3 dev 2 src 10.9.0.2",
    ];
    assert_eq!(host.heard(), heard);
}

/// Recorded from Linux 6.1.0-56 with `ip monitor address route`.
#[test]
fn routes_that_prefer_a_deleted_address_are_announced_as_gone() {
    let host = Listening::new();
    let v0 = host.link("v0");
    host.set_up(&v0, true);
    host.add(&v0, "10.8.0.1", 24).expect("free");
    host.add(&v0, "10.8.0.5", 24).expect("free");
    let nexthop = NexthopSpec::new(None, Some(v0.ifindex()));
    let spec = RouteSpec {
        prefsrc: Some(addr("10.8.0.5")),
        ..RouteSpec::unicast(addr("203.0.113.0"), 24, nexthop)
    };
    host.ns.add_route(&host.admin, &spec, RouteMode::CREATE, &host.cx()).expect("free");
    host.heard();
    host.delete(&v0, "10.8.0.5").expect("there");
    let heard = [
        "-addr 10.8.0.5",
        "-local 10.8.0.5 dev 2 src 10.8.0.1",
        "-203.0.113.0/24 dev 2 src 10.8.0.5",
    ];
    assert_eq!(host.heard(), heard);
}
