//! IPv4 of one host with taps for links: a test feeds frames in and reads what comes out,
//! on virtual time.

mod control;
mod datapath;
mod fib;
mod malformed;
mod neighbour;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use warren_packet::Packet;
use warren_platform::lock::{self, Mutex};
use warren_platform::{Duration, Instant};

use super::header::Header;
use super::{AddressSpec, IfExists, NexthopSpec, RouteMode, RouteSpec, checksum};
use crate::cap::NetAdmin;
use crate::cx::Cx;
use crate::error::{AddrError, RouteError};
use crate::ids::{IfName, Ifindex, MacAddr};
use crate::link::{Link, LinkFlags, LinkKind, TxVerdict};
use crate::namespace::Namespace;
use crate::namespace::change::LinkChange;
use crate::namespace::links::{LinkSpec, NameRequest};
use crate::stack::Stack;
use crate::testing;

/// The station on the other side of every tap.
const PEER_MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 0x99]);

/// A link whose frames a test reads.
#[derive(Debug, Default)]
struct Tap(Mutex<lock::Queue, Vec<Packet>>);

impl LinkKind for Tap {
    fn name(&self) -> Option<&'static str> {
        Some("tap")
    }

    fn carrier(&self, _link: &Arc<Link>) -> Option<bool> {
        None
    }

    fn transmit(&self, _link: &Arc<Link>, frame: Packet, _cx: &Cx<'_>) -> TxVerdict {
        self.0.lock().push(frame);
        TxVerdict::Sent
    }
}

/// One host on virtual time.
struct Host {
    stack: Arc<Stack>,
    platform: Arc<testing::TestPlatform>,
    ns: Arc<Namespace>,
    admin: NetAdmin,
    now: spin::Mutex<Instant>,
}

impl Host {
    /// A host whose loopback is up.
    fn new() -> Self {
        let (stack, platform) = testing::stack();
        let ns = stack.create_namespace(&stack.enter(Instant::ZERO)).expect("a namespace");
        let now = spin::Mutex::new(Instant::from_millis(1_000_000));
        let host = Self { stack, platform, ns, admin: NetAdmin::granted(), now };
        let lo = host.ns.link(Ifindex::LOOPBACK).expect("every namespace has lo");
        host.set_up(&lo, true);
        host
    }

    fn cx(&self) -> Cx<'_> {
        self.stack.enter(*self.now.lock())
    }

    /// A tap that is up, with an address.
    fn tap(&self, name: &str, local: &str, len: u8) -> Arc<Link> {
        let name = IfName::new(name.as_bytes()).expect("a name");
        let spec = LinkSpec::named(NameRequest::Exact(name));
        let kind = Box::<Tap>::default();
        let link = self.ns.create_link(&self.admin, &spec, kind, &self.cx()).expect("free");
        self.set_up(&link, true);
        self.add(&link, local, len).expect("free");
        link
    }

    fn set_up(&self, link: &Arc<Link>, up: bool) {
        let value = if up { LinkFlags::UP } else { LinkFlags::empty() };
        let change = LinkChange { flags: Some((value, LinkFlags::UP)), ..LinkChange::default() };
        self.ns.change_link(&self.admin, link, &change, &self.cx()).expect("no reason not to");
    }

    fn add(&self, link: &Arc<Link>, local: &str, len: u8) -> Result<(), AddrError> {
        let spec = AddressSpec::new(addr(local), len);
        self.ns.add_address(&self.admin, link, &spec, IfExists::Refuse, &self.cx())
    }

    fn via(&self, dst: &str, len: u8, gateway: &str) -> Result<(), RouteError> {
        let spec = RouteSpec::unicast(addr(dst), len, NexthopSpec::new(Some(addr(gateway)), None));
        self.ns.add_route(&self.admin, &spec, RouteMode::CREATE | RouteMode::EXCL, &self.cx())
    }

    /// Feeds a frame from [`PEER_MAC`] in.
    fn receive(&self, link: &Arc<Link>, to: MacAddr, ethertype: u16, body: &[u8]) {
        let mut frame = self.stack.pool().take(14 + body.len()).expect("a buffer");
        let bytes = frame.bytes_mut();
        bytes[..6].copy_from_slice(&to.0);
        bytes[6..12].copy_from_slice(&PEER_MAC.0);
        bytes[12..14].copy_from_slice(&ethertype.to_be_bytes());
        bytes[14..].copy_from_slice(body);
        link.receive(frame, &self.cx());
        self.stack.run_tail(&self.cx());
    }

    /// Feeds an IP packet for this station in.
    fn receive_ip(&self, link: &Arc<Link>, packet: &[u8]) {
        self.receive(link, link.mac(), 0x0800, packet);
    }

    /// Answers for `addr` as its station would.
    fn arp_reply(&self, link: &Arc<Link>, addr: Ipv4Addr, to: Ipv4Addr) {
        let body = arp(2, PEER_MAC, addr, link.mac(), to);
        self.receive(link, link.mac(), 0x0806, &body);
    }

    /// The frames that left since the last look.
    fn sent(&self, link: &Arc<Link>) -> Vec<Packet> {
        let tap = link.kind_as::<Tap>().expect("a tap");
        core::mem::take(&mut *tap.0.lock())
    }

    /// The IP packets among them, without their Ethernet headers.
    fn sent_ip(&self, link: &Arc<Link>) -> Vec<Vec<u8>> {
        let is_ip = |frame: &Packet| frame.bytes()[12..14] == [8, 0];
        self.sent(link).iter().filter(|f| is_ip(f)).map(|f| f.bytes()[14..].to_vec()).collect()
    }

    /// Lets time pass, deadline by deadline.
    fn pass(&self, span: Duration) {
        let end = *self.now.lock() + span;
        while let Some(at) = self.ns.deadlines.earliest().filter(|at| *at <= end) {
            let mut now = self.now.lock();
            *now = (*now).max(at);
            drop(now);
            self.platform.step_keepers(*self.now.lock());
            self.stack.run_tail(&self.cx());
        }
        *self.now.lock() = end;
    }
}

fn addr(text: &str) -> Ipv4Addr {
    text.parse().expect("an address")
}

/// An ARP packet.
fn arp(
    operation: u8,
    sender_mac: MacAddr,
    sender: Ipv4Addr,
    target_mac: MacAddr,
    target: Ipv4Addr,
) -> Vec<u8> {
    let mut bytes = alloc::vec![0, 1, 8, 0, 6, 4, 0, operation];
    bytes.extend(sender_mac.0);
    bytes.extend(sender.octets());
    bytes.extend(target_mac.0);
    bytes.extend(target.octets());
    bytes
}

/// An IP packet around `body`, its transport checksum complete.
fn ip(src: &str, dst: &str, protocol: u8, ttl: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = alloc::vec![0; 20 + body.len()];
    let header = Header {
        header_len: 20,
        total_len: bytes.len(),
        tos: 0,
        ident: 7,
        dont_fragment: false,
        more_fragments: false,
        fragment_offset: 0,
        ttl,
        protocol,
        src: addr(src),
        dst: addr(dst),
    };
    header.write(bytes.first_chunk_mut().expect("twenty bytes"));
    bytes[20..].copy_from_slice(body);
    let _no_transport = checksum::complete_transport(&mut bytes);
    bytes
}

/// An echo request's body.
fn echo(payload: usize) -> Vec<u8> {
    let mut body = alloc::vec![8, 0, 0, 0, 0x12, 0x34, 0, 1];
    body.extend((0..payload).map(|at| at as u8));
    body
}
