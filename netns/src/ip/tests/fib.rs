//! Which route a lookup finds, as a table of cases.

use alloc::vec;
use alloc::vec::Vec;

use super::{Host, addr};
use crate::error::RouteError;
use crate::ip::route::table;
use crate::ip::{
    Flow, Metrics, NexthopSpec, RouteKind, RouteMode, RouteSelector, RouteSpec, Scope,
};

impl Host {
    fn route(&self, dst: &str, len: u8, change: impl FnOnce(&mut RouteSpec)) {
        let gateway = NexthopSpec::new(Some(addr("10.0.0.2")), None);
        let mut spec = RouteSpec::unicast(addr(dst), len, gateway);
        change(&mut spec);
        let mode = RouteMode::CREATE | RouteMode::APPEND;
        self.ns.add_route(&self.admin, &spec, mode, &self.cx()).expect("acceptable");
    }

    /// The last byte of the gateway a flow passes.
    fn gateway(&self, flow: &Flow) -> Result<u8, RouteError> {
        let way = self.ns.lookup_route(flow)?;
        Ok(way.gateway.map_or(0, |gateway| gateway.octets()[3]))
    }
}

fn through(spec: &mut RouteSpec, last: u8) {
    spec.nexthops = vec![NexthopSpec::new(Some([10, 0, 0, last].into()), None)];
}

fn refuse(spec: &mut RouteSpec, kind: RouteKind) {
    spec.kind = kind;
    spec.nexthops = Vec::new();
}

#[test]
fn prefix_tos_metric_and_table_decide_in_that_order() {
    let host = Host::new();
    let _v0 = host.tap("v0", "10.0.0.1", 24);
    host.route("0.0.0.0", 0, |r| through(r, 9));
    host.route("192.0.2.0", 24, |r| through(r, 24));
    host.route("192.0.2.0", 25, |r| through(r, 25));
    host.route("192.0.2.0", 25, |r| {
        through(r, 26);
        r.tos = 0x10;
    });
    host.route("192.0.2.128", 25, |r| {
        through(r, 50);
        r.priority = 50;
    });
    host.route("192.0.2.128", 25, |r| {
        through(r, 40);
        r.priority = 40;
    });
    host.route("198.51.100.0", 24, |r| {
        through(r, 77);
        r.table = 77;
    });
    host.route("203.0.113.0", 24, |r| {
        through(r, 53);
        r.table = table::DEFAULT;
    });
    host.route("203.0.113.0", 25, |r| refuse(r, RouteKind::Throw));
    host.route("192.0.2.7", 32, |r| refuse(r, RouteKind::Blackhole));
    host.route("192.0.2.8", 32, |r| refuse(r, RouteKind::Unreachable));
    host.route("192.0.2.9", 32, |r| refuse(r, RouteKind::Prohibit));
    for (dst, tos, expected) in [
        ("8.8.8.8", 0, Ok(9)),
        ("192.0.2.1", 0, Ok(25)),
        ("192.0.2.1", 0x10, Ok(26)),
        ("192.0.2.1", 0x08, Ok(25)),
        ("192.0.2.200", 0, Ok(40)),
        ("198.51.100.1", 0, Ok(9)),
        ("203.0.113.200", 0, Ok(9)),
        ("203.0.113.1", 0, Ok(53)),
        ("192.0.2.7", 0, Err(RouteError::Blackhole)),
        ("192.0.2.8", 0, Err(RouteError::HostUnreachable)),
        ("192.0.2.9", 0, Err(RouteError::Prohibited)),
    ] {
        let flow = Flow { tos, ..Flow::to(addr(dst)) };
        assert_eq!(host.gateway(&flow), expected, "{dst} tos {tos}");
    }
    let link_only = Flow { scope: Scope::LINK, ..Flow::to(addr("192.0.2.1")) };
    assert_eq!(host.gateway(&link_only), Err(RouteError::Unreachable), "MSG_DONTROUTE");
    let selector = RouteSelector { priority: 40, ..RouteSelector::to(addr("192.0.2.128"), 25) };
    host.ns.delete_route(&host.admin, &selector, &host.cx()).expect("there");
    assert_eq!(host.gateway(&Flow::to(addr("192.0.2.200"))), Ok(50));
}

#[test]
fn our_own_address_wins_over_a_host_route_to_it_but_a_longer_prefix_wins_over_local() {
    let host = Host::new();
    let _v0 = host.tap("v0", "10.0.0.1", 24);
    host.route("10.0.0.1", 32, |_| {});
    host.route("127.0.0.9", 32, |_| {});
    let kind = |dst| host.ns.lookup_route(&Flow::to(addr(dst))).map(|way| way.kind);
    assert_eq!(kind("10.0.0.1").expect("a way"), RouteKind::Local);
    assert_eq!(kind("127.0.0.8").expect("a way"), RouteKind::Local);
    // Linux's merged trie: the /32 of main is longer than local's /8.
    assert_eq!(kind("127.0.0.9").expect("a way"), RouteKind::Unicast);
}

#[test]
fn flows_spread_over_a_multipath_route_by_weight_and_leave_a_dead_link() {
    let host = Host::new();
    let v0 = host.tap("v0", "10.0.0.1", 24);
    let _v1 = host.tap("v1", "10.1.0.1", 24);
    host.route("0.0.0.0", 0, |r| {
        let mut light = NexthopSpec::new(Some(addr("10.0.0.2")), None);
        let mut heavy = NexthopSpec::new(Some(addr("10.1.0.3")), None);
        (light.weight, heavy.weight) = (1, 3);
        r.nexthops = vec![light, heavy];
    });
    let heavy = || {
        let flows = (0..1_000_u32).map(|n| Flow::to((0xc000_0200 + n * 7_919).into()));
        flows.filter(|flow| host.gateway(flow) == Ok(3)).count()
    };
    let share = heavy();
    assert!((650..850).contains(&share), "{share} of 1000 took the way of weight 3 of 4");
    let same = Flow::to(addr("192.0.2.1"));
    assert!((0..20).all(|_| host.gateway(&same) == host.gateway(&same)), "a flow stays");
    host.set_up(&v0, false);
    assert_eq!(heavy(), 1_000);
}

#[test]
fn routes_without_carrier_are_used_unless_told_otherwise() {
    use crate::ip::conf::{ConfTarget, Devconf};
    let host = Host::new();
    let v0 = host.tap("v0", "10.0.0.1", 24);
    host.route("192.0.2.0", 24, |r| through(r, 24));
    let v1 = host.tap("v1", "10.1.0.1", 24);
    host.route("0.0.0.0", 0, |r| {
        r.nexthops = vec![NexthopSpec::new(Some(addr("10.1.0.9")), None)];
    });
    v0.update_flags(crate::link::LinkFlags::empty(), crate::link::LinkFlags::LOWER_UP);
    let dst = Flow::to(addr("192.0.2.1"));
    assert_eq!(host.gateway(&dst), Ok(24));
    let setting = Devconf::IgnoreRoutesWithLinkdown;
    assert!(host.ns.set_conf(ConfTarget::Link(&v1), setting, 1));
    assert_eq!(host.gateway(&dst), Ok(24));
    assert!(host.ns.set_conf(ConfTarget::Link(&v0), setting, 1));
    assert_eq!(host.gateway(&dst), Ok(9));
}

#[test]
fn metrics_travel_with_the_route() {
    let host = Host::new();
    let _v0 = host.tap("v0", "10.0.0.1", 24);
    host.route("192.0.2.0", 24, |r| {
        assert!(r.metrics.set(Metrics::MTU, 1_400));
        assert!(r.metrics.set(Metrics::ADVMSS, 1_300));
        assert!(!r.metrics.set(0, 1));
        assert!(!r.metrics.set(Metrics::COUNT, 1));
    });
    let way = host.ns.lookup_route(&Flow::to(addr("192.0.2.1"))).expect("a way");
    assert_eq!((way.mtu, way.metrics.get(Metrics::ADVMSS)), (1_400, 1_300));
    assert_eq!(way.forward_mtu(), 1_500);
    let mut selector = RouteSelector::to(addr("192.0.2.0"), 24);
    assert!(selector.metrics.set(Metrics::MTU, 1_399));
    let delete = |s: &RouteSelector| host.ns.delete_route(&host.admin, s, &host.cx());
    assert_eq!(delete(&selector), Err(RouteError::NotFound));
    assert!(selector.metrics.set(Metrics::MTU, 1_400));
    assert_eq!(delete(&selector), Ok(()));
}

#[test]
fn a_route_goes_with_its_preferred_source() {
    let host = Host::new();
    let v0 = host.tap("v0", "10.0.0.1", 24);
    host.add(&v0, "10.0.0.5", 24).expect("free");
    host.route("192.0.2.0", 24, |r| r.prefsrc = Some(addr("10.0.0.5")));
    let way = host.ns.lookup_route(&Flow::to(addr("192.0.2.1"))).expect("a way");
    assert_eq!(way.source, addr("10.0.0.5"));
    let selector = crate::ip::AddressSelector {
        local: Some(addr("10.0.0.5")),
        ..crate::ip::AddressSelector::default()
    };
    host.ns.delete_address(&host.admin, &v0, &selector, &host.cx()).expect("there");
    let gone = host.gateway(&Flow::to(addr("192.0.2.1")));
    assert_eq!(gone, Err(RouteError::Unreachable));
}
