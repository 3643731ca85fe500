//! The control path of links, moves, numbers and teardown, without any frame.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use alloc::{format, vec};

use warren_platform::Instant;

use super::change::LinkChange;
use super::links::{LinkSpec, NameRequest};
use super::*;
use crate::cap::NetAdmin;
use crate::error::{LinkError, NsidError};
use crate::event::{Event, EventSink};
use crate::ids::Mtu;
use crate::link::{Dummy, LinkFlags, OperState};
use crate::testing;

const ADMIN: NetAdmin = NetAdmin::granted();

fn name(text: &str) -> IfName {
    IfName::new(text.as_bytes()).expect("a valid name")
}

fn dummy(ns: &Arc<Namespace>, text: &str, cx: &Cx<'_>) -> Result<Arc<Link>, LinkError> {
    let spec = LinkSpec::named(NameRequest::parse(text.as_bytes())?);
    ns.create_link(&ADMIN, &spec, Box::new(Dummy), cx)
}

const fn up() -> LinkChange {
    LinkChange {
        flags: Some((LinkFlags::UP, LinkFlags::UP)),
        mac: None,
        mtu: None,
        group: None,
        name: None,
        alias: None,
        broadcast: None,
        master: None,
        tx_queue_len: None,
        link_mode: None,
    }
}

/// Writes down what it hears, one line each.
#[derive(Debug, Default)]
struct Log(spin::Mutex<Vec<String>>);

impl EventSink for Log {
    fn event(&self, _ns: &Arc<Namespace>, event: &Event, _cx: &Cx<'_>) {
        let line = match event {
            Event::LinkNew { info, .. } => format!("new {}", info.name),
            Event::LinkGone { info, .. } => format!("gone {}", info.name),
            Event::NsidNew { nsid } => format!("nsid {nsid}"),
            Event::NsidGone { nsid } => format!("nsid gone {nsid}"),
            _ => return,
        };
        self.0.lock().push(line);
    }
}

fn listen(ns: &Namespace) -> Arc<Log> {
    let log = Arc::new(Log::default());
    ns.events.subscribe(log.clone());
    log
}

fn heard(log: &Log) -> Vec<String> {
    core::mem::take(&mut *log.0.lock())
}

#[test]
fn a_new_namespace_has_a_loopback_that_is_down() {
    let (stack, _) = testing::stack();
    let ns = stack.create_namespace(&stack.enter(Instant::ZERO)).expect("memory");
    let lo = ns.link(Ifindex::LOOPBACK).expect("a loopback").info();
    assert_eq!(lo.name, name("lo"));
    assert_eq!((lo.mtu, lo.flags), (Mtu(65_536), LinkFlags::LOOPBACK));
    assert_eq!((lo.oper_state, lo.carrier, lo.qdisc), (OperState::Down, true, "noop"));
}

#[test]
fn names_are_unique_and_templates_count_up() {
    let (stack, _) = testing::stack();
    let cx = stack.enter(Instant::ZERO);
    let ns = stack.create_namespace(&cx).expect("memory");
    let first = dummy(&ns, "d%d", &cx).expect("free");
    let second = dummy(&ns, "d%d", &cx).expect("free");
    assert_eq!((first.name(), second.name()), (name("d0"), name("d1")));
    assert_eq!((first.ifindex().get(), second.ifindex().get()), (2, 3));
    assert_eq!(dummy(&ns, "d1", &cx).err(), Some(LinkError::Exists));
    for bad in ["%s", "a%", "%d%d", "a%d%%"] {
        assert_eq!(dummy(&ns, bad, &cx).err(), Some(LinkError::BadName), "{bad}");
    }
    ns.delete_link(&ADMIN, &first, &cx).expect("there");
    assert_eq!(ns.delete_link(&ADMIN, &first, &cx), Err(LinkError::NotFound));
    let again = dummy(&ns, "d%d", &cx).expect("free");
    assert_eq!((again.name(), again.ifindex().get()), (name("d0"), 4));
    assert_eq!(ns.link_count(), 3);
}

#[test]
fn an_alternative_name_finds_the_link_and_blocks_the_name() {
    let (stack, _) = testing::stack();
    let cx = stack.enter(Instant::ZERO);
    let ns = stack.create_namespace(&cx).expect("memory");
    let link = dummy(&ns, "d0", &cx).expect("free");
    ns.add_alt_name(&ADMIN, &link, b"a-name-longer-than-fifteen", &cx).expect("free");
    ns.add_alt_name(&ADMIN, &link, b"short", &cx).expect("free");
    assert_eq!(ns.find_link(b"a-name-longer-than-fifteen").map(|l| l.id()), Some(link.id()));
    assert_eq!(dummy(&ns, "short", &cx).err(), Some(LinkError::Exists));
    assert_eq!(ns.add_alt_name(&ADMIN, &link, b"d0", &cx), Err(LinkError::Exists));
    ns.remove_alt_name(&ADMIN, &link, b"short", &cx).expect("there");
    assert_eq!(ns.remove_alt_name(&ADMIN, &link, b"short", &cx), Err(LinkError::NotFound));
    dummy(&ns, "short", &cx).expect("free again");
}

#[test]
fn a_link_is_renamed_only_while_down() {
    let (stack, _) = testing::stack();
    let cx = stack.enter(Instant::ZERO);
    let ns = stack.create_namespace(&cx).expect("memory");
    let link = dummy(&ns, "d0", &cx).expect("free");
    ns.change_link(&ADMIN, &link, &up(), &cx).expect("goes up");
    let rename = LinkChange { name: Some(name("w0")), ..LinkChange::default() };
    assert_eq!(ns.change_link(&ADMIN, &link, &rename, &cx), Err(LinkError::Busy));
    let down = LinkChange { flags: Some((LinkFlags::empty(), LinkFlags::UP)), ..rename.clone() };
    // Linux's order: the name comes before the flags, so this is refused as well.
    assert_eq!(ns.change_link(&ADMIN, &link, &down, &cx), Err(LinkError::Busy));
    let down = LinkChange { name: None, ..down };
    ns.change_link(&ADMIN, &link, &down, &cx).expect("goes down");
    ns.change_link(&ADMIN, &link, &rename, &cx).expect("renames");
    assert!(ns.link_by_name(&name("d0")).is_none());
    assert_eq!(ns.link_by_name(&name("w0")).map(|l| l.id()), Some(link.id()));
}

#[test]
fn what_user_space_sees_of_up_and_down() {
    let (stack, _) = testing::stack();
    let cx = stack.enter(Instant::ZERO);
    let ns = stack.create_namespace(&cx).expect("memory");
    let link = dummy(&ns, "d0", &cx).expect("free");
    ns.change_link(&ADMIN, &link, &up(), &cx).expect("goes up");
    let info = link.info();
    let running = LinkFlags::UP | LinkFlags::RUNNING | LinkFlags::LOWER_UP;
    assert_eq!(info.flags, LinkFlags::BROADCAST | LinkFlags::NOARP | running);
    assert_eq!((info.oper_state, info.qdisc), (OperState::Unknown, "noqueue"));
    let promisc = LinkChange {
        flags: Some((LinkFlags::PROMISC, LinkFlags::PROMISC)),
        ..LinkChange::default()
    };
    ns.change_link(&ADMIN, &link, &promisc, &cx).expect("sets");
    ns.change_link(&ADMIN, &link, &promisc, &cx).expect("sets again, once");
    assert_eq!(link.info().promiscuity, 1);
    assert!(link.flags().contains(LinkFlags::PROMISC));
}

#[test]
fn a_moved_link_keeps_its_index_where_it_is_free() {
    let (stack, _) = testing::stack();
    let cx = stack.enter(Instant::ZERO);
    let (a, b) = (
        stack.create_namespace(&cx).expect("memory"),
        stack.create_namespace(&cx).expect("memory"),
    );
    let (d0, d1) = (dummy(&a, "d0", &cx).expect("free"), dummy(&a, "d1", &cx).expect("free"));
    let (in_a, in_b) = (listen(&a), listen(&b));
    a.move_link(&ADMIN, &d1, &b, None, None, &cx).expect("moves");
    assert_eq!((d1.ifindex().get(), b.link_count(), a.link_count()), (3, 2, 2));
    dummy(&b, "x0", &cx).expect("free");
    a.move_link(&ADMIN, &d0, &b, Some(name("eth0")), None, &cx).expect("moves");
    assert_eq!((d0.name(), d0.ifindex().get()), (name("eth0"), 4));
    assert_eq!(d0.namespace().map(|ns| ns.id()), Some(b.id()));
    assert_eq!(heard(&in_a), ["nsid 0", "gone d1", "gone d0"]);
    assert_eq!(heard(&in_b), ["new d1", "new x0", "new eth0"]);
    let clash = dummy(&a, "eth0", &cx).expect("free in a");
    assert_eq!(a.move_link(&ADMIN, &clash, &b, None, None, &cx), Err(LinkError::Exists));
    assert!(a.contains(&clash));
    let lo = a.link(Ifindex::LOOPBACK).expect("a loopback");
    let refused = a.move_link(&ADMIN, &lo, &b, None, None, &cx);
    assert_eq!(refused, Err(LinkError::NamespaceImmutable));
}

#[test]
fn the_last_holder_takes_the_namespace_along() {
    let (stack, platform) = testing::stack();
    let cx = stack.enter(Instant::ZERO);
    let observer = stack.create_namespace(&cx).expect("memory");
    let ns = stack.create_namespace(&cx).expect("memory");
    ns.hold();
    ns.hold();
    let link = dummy(&ns, "d0", &cx).expect("free");
    ns.change_link(&ADMIN, &link, &up(), &cx).expect("goes up");
    ns.deadlines.set(Key::Link(link.id()), Instant::from_millis(1), &ns, stack.platform());
    assert_eq!(observer.assign_nsid(&ns, Some(7), &cx), Ok(7));
    assert_eq!(observer.assign_nsid(&ns, None, &cx), Err(NsidError::Exists));
    let log = listen(&observer);
    ns.release(&cx);
    assert_eq!((stack.namespace_count(), platform.keeper_count()), (2, 1));
    ns.release(&cx);
    assert_eq!(stack.namespace_count(), 1);
    assert_eq!(ns.link_count(), 0);
    assert_eq!(dummy(&ns, "d1", &cx).err(), Some(LinkError::Dying));
    assert_eq!(heard(&log), ["nsid gone 7"]);
    assert_eq!(platform.step_keepers(Instant::from_millis(2)), None);
    assert_eq!(platform.keeper_count(), 0);
    let weak = Arc::downgrade(&ns);
    drop((ns, link));
    assert!(weak.upgrade().is_none(), "nothing else may hold it");
}

#[test]
fn nsids_are_the_smallest_free_numbers() {
    let (stack, _) = testing::stack();
    let cx = stack.enter(Instant::ZERO);
    let spaces: Vec<_> =
        vec![(); 4].into_iter().map(|()| stack.create_namespace(&cx).expect("memory")).collect();
    let ns = &spaces[0];
    assert_eq!(ns.assign_nsid(&spaces[1], Some(1), &cx), Ok(1));
    assert_eq!(ns.nsid_or_assign(&spaces[2], &cx), Ok(0));
    assert_eq!(ns.nsid_or_assign(&spaces[3], &cx), Ok(2));
    assert_eq!(ns.nsid_or_assign(&spaces[3], &cx), Ok(2));
    assert_eq!(ns.nsid_of(&spaces[0]), None);
    let ids: Vec<_> = ns.nsids().iter().map(|(n, peer)| (*n, peer.id().0)).collect();
    assert_eq!(ids, [(0, spaces[2].id().0), (1, spaces[1].id().0), (2, spaces[3].id().0)]);
    assert_eq!(ns.nsids().len().to_string(), "3");
}

#[test]
fn a_deadline_wakes_the_namespace_once_and_the_next_is_kept() {
    let (stack, platform) = testing::stack();
    let cx = stack.enter(Instant::ZERO);
    let ns = stack.create_namespace(&cx).expect("memory");
    let id = ns.link(Ifindex::LOOPBACK).expect("a loopback").id();
    ns.deadlines.set(Key::Socket(1), Instant::from_millis(30), &ns, stack.platform());
    ns.deadlines.set(Key::Link(id), Instant::from_millis(10), &ns, stack.platform());
    ns.deadlines.set(Key::Link(id), Instant::from_millis(20), &ns, stack.platform());
    assert_eq!(platform.step_keepers(Instant::ZERO), Some(Instant::from_millis(20)));
    let due = Instant::from_millis(20);
    assert_eq!(platform.step_keepers(due), None, "sleeps until the poll is done");
    assert_eq!(platform.napi_wakes.load(Ordering::Relaxed), 1);
    let _ = stack.run_napi(warren_platform::CpuId(0), due);
    assert_eq!(platform.step_keepers(due), Some(Instant::from_millis(30)));
}
