//! Data path of neighbours: a packet wants out, a deadline is due, an answer came. The table
//! is locked for the decision only; sending, and telling, come after.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use warren_packet::Packet;
use warren_platform::{Duration, Instant};

use super::conf::{Setting, Timing};
use super::entry::{Entry, News, Todo, Verdict};
use super::{Neighbour, arp};
use crate::cx::Cx;
use crate::deadline::Key;
use crate::drop_reason::DropReason;
use crate::error::NeighbourError;
use crate::event::Event;
use crate::ids::{Ifindex, MacAddr};
use crate::link::datapath::ETHERNET_HEADER;
use crate::link::{Link, LinkFlags, TxVerdict};
use crate::namespace::Namespace;

/// The id under which the collector waits; entries count from one.
const COLLECTOR: u64 = 0;

/// What became of a packet on its way to a neighbour.
#[derive(Debug)]
#[must_use]
pub(crate) enum HandOver {
    /// On its way, or waiting for the neighbour's answer.
    Done,
    /// The link's queue is full; the packet comes back, its head at the IP header.
    Full(Packet),
    /// Gone, for this reason; to be counted.
    Dropped(DropReason),
    /// Gone in the link, which counted it.
    Lost,
}

impl Namespace {
    /// Sends an IP packet to `next_hop` on `link`, whose hardware address is looked up,
    /// asked for, or follows from the kind of link.
    pub(crate) fn send_to_neighbour(
        self: &Arc<Self>,
        packet: Packet,
        link: &Arc<Link>,
        next_hop: Ipv4Addr,
        cx: &Cx<'_>,
    ) -> HandOver {
        if let Some(mac) = static_address(link, next_hop) {
            return transmit(link, mac, packet, cx);
        }
        // Nearly every packet: the neighbour is known, and nothing about it changes.
        let known =
            self.neighbours.table.lock().get(link.ifindex(), next_hop).and_then(Entry::connected);
        if let Some(mac) = known {
            return transmit(link, mac, packet, cx);
        }
        self.resolve_and_send(packet, link, next_hop, cx)
    }

    fn resolve_and_send(
        self: &Arc<Self>,
        packet: Packet,
        link: &Arc<Link>,
        next_hop: Ipv4Addr,
        cx: &Cx<'_>,
    ) -> HandOver {
        let t = self.neighbour_timing(cx);
        let mut collected = Vec::new();
        let (verdict, todo, snapshot) = {
            let mut table = self.neighbours.table.lock();
            let entry = table.get_or_create(
                link,
                next_hop,
                &self.neighbours.conf,
                &t,
                cx.now,
                &mut collected,
            );
            let Ok(entry) = entry else {
                drop(table);
                self.forget(collected, cx);
                return HandOver::Dropped(DropReason::NeighbourTableFull);
            };
            let before = entry.deadline;
            let (verdict, todo) = entry.send(packet, &t, cx.now);
            self.arm(entry, before, cx);
            (verdict, todo, entry.snapshot())
        };
        self.forget(collected, cx);
        self.arm_collector(cx);
        self.carry_out(todo, link, &snapshot, cx);
        match verdict {
            Verdict::Send(mac, packet) => transmit(link, mac, packet, cx),
            Verdict::Waits => HandOver::Done,
            Verdict::Full(packet) => {
                drop(packet);
                HandOver::Dropped(DropReason::NeighbourQueueFull)
            }
            Verdict::Unreachable(packet) => {
                drop(packet);
                HandOver::Dropped(DropReason::NeighbourFailed)
            }
        }
    }

    /// The deadline of an entry, or of the collector, is due.
    pub(crate) fn neighbour_due(self: &Arc<Self>, id: u64, cx: &Cx<'_>) {
        if id == COLLECTOR {
            let gone = self.neighbours.table.lock().collect(&self.neighbours.conf, cx.now);
            self.forget(gone, cx);
            self.arm_collector(cx);
            return;
        }
        let t = self.neighbour_timing(cx);
        let step = {
            let mut table = self.neighbours.table.lock();
            let Some(entry) = table.by_id(id) else { return };
            let todo = entry.due(&t, cx.now);
            self.arm(entry, None, cx);
            (todo, entry.link.clone(), entry.snapshot())
        };
        let (todo, link, snapshot) = step;
        self.carry_out(todo, &link, &snapshot, cx);
    }

    /// What ARP heard of `addr`. `create`: learn it even if nobody asked yet.
    pub(super) fn neighbour_heard(
        self: &Arc<Self>,
        link: &Arc<Link>,
        addr: Ipv4Addr,
        create: bool,
        news: impl FnOnce(&Entry, &Timing) -> News,
        cx: &Cx<'_>,
    ) -> Result<(), NeighbourError> {
        let t = self.neighbour_timing(cx);
        let mut collected = Vec::new();
        let outcome = {
            let mut table = self.neighbours.table.lock();
            let conf = &self.neighbours.conf;
            let entry = if create {
                table.get_or_create(link, addr, conf, &t, cx.now, &mut collected)
            } else {
                table.get(link.ifindex(), addr).ok_or(NeighbourError::NotFound)
            };
            entry.and_then(|entry| {
                let before = entry.deadline;
                let todo = entry.update(&news(entry, &t), &t, cx.now)?;
                self.arm(entry, before, cx);
                Ok((todo, entry.snapshot()))
            })
        };
        self.forget(collected, cx);
        let (todo, snapshot) = outcome?;
        self.arm_collector(cx);
        self.carry_out(todo, link, &snapshot, cx);
        Ok(())
    }

    /// Somebody above heard from `next_hop` on `link` (TCP made progress): it need not be
    /// probed.
    pub fn confirm_neighbour(&self, link: &Arc<Link>, next_hop: Ipv4Addr, cx: &Cx<'_>) {
        if let Some(entry) = self.neighbours.table.lock().get(link.ifindex(), next_hop) {
            entry.confirm(cx.now);
        }
    }

    /// A link is gone or down, or has another address (`keep_permanent`: it lost carrier).
    pub(crate) fn flush_neighbours(
        self: &Arc<Self>,
        link: &Arc<Link>,
        keep_permanent: bool,
        cx: &Cx<'_>,
    ) {
        let gone = {
            let mut table = self.neighbours.table.lock();
            table.remove_of_link(link.ifindex(), keep_permanent)
        };
        self.forget(gone, &Cx { origin: None, ..*cx });
    }

    /// Entries left the table: their deadlines and packets go, subscribers hear.
    pub(super) fn forget(self: &Arc<Self>, gone: Vec<Entry>, cx: &Cx<'_>) {
        for mut entry in gone {
            self.deadlines.clear(Key::Neighbour(entry.id));
            let dropped = entry.take_waiting().len();
            for _ in 0..dropped {
                self.drops.count(DropReason::NeighbourFailed);
            }
            let neighbour = Neighbour { refs: 0, ..entry.snapshot() };
            self.events.emit(self, cx, || Event::NeighbourGone { neighbour });
        }
    }

    pub(super) fn carry_out(
        self: &Arc<Self>,
        todo: Todo,
        link: &Arc<Link>,
        neighbour: &Neighbour,
        cx: &Cx<'_>,
    ) {
        for _ in 0..todo.crowded_out {
            self.drops.count(DropReason::NeighbourQueueFull);
        }
        if todo.notify {
            self.events.emit(self, cx, || Event::NeighbourNew { neighbour: *neighbour });
        }
        if let Some(probe) = todo.probe {
            arp::solicit(self, link, neighbour.addr, probe, cx);
        }
        if let Some((mac, packets)) = todo.release {
            for packet in packets {
                let outcome = transmit(link, mac, packet, cx);
                self.account(outcome);
            }
        }
        self.report_failed(todo.failed, cx);
    }

    /// Packets whose neighbour did not answer: their senders hear "host unreachable".
    fn report_failed(self: &Arc<Self>, failed: VecDeque<Packet>, cx: &Cx<'_>) {
        for packet in failed {
            self.drops.count(DropReason::NeighbourFailed);
            self.link_failure(&packet, cx);
        }
    }

    /// Counts what a hand-over nobody waits for came to.
    pub(crate) fn account(&self, outcome: HandOver) {
        match outcome {
            HandOver::Done | HandOver::Lost => {}
            HandOver::Full(packet) => {
                drop(packet);
                self.drops.count(DropReason::QueueFull);
            }
            HandOver::Dropped(reason) => self.drops.count(reason),
        }
    }

    pub(super) fn neighbour_timing(&self, cx: &Cx<'_>) -> Timing {
        // Linux draws the reachable time anew every five minutes, for a whole link; drawn
        // from the time itself it costs the data path no randomness and still spreads.
        let epoch = cx.now.as_nanos() / Duration::from_secs(300).as_nanos() as u64;
        let mixed = (epoch ^ self.id().0.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.neighbours.conf.timing((mixed >> 32) as u32)
    }

    /// Sets the entry's deadline if it is another than `before`. The table is locked.
    pub(super) fn arm(self: &Arc<Self>, entry: &Entry, before: Option<Instant>, cx: &Cx<'_>) {
        let key = Key::Neighbour(entry.id);
        match entry.deadline {
            deadline if deadline == before => {}
            Some(at) => self.deadlines.set(key, at, self, cx.stack.platform()),
            None => self.deadlines.clear(key),
        }
    }

    /// The collector runs only while there is something to collect.
    pub(super) fn arm_collector(self: &Arc<Self>, cx: &Cx<'_>) {
        let conf = &self.neighbours.conf;
        let key = Key::Neighbour(COLLECTOR);
        if self.neighbours.table.lock().len() < conf.get(Setting::GcThresh1) as usize {
            return;
        }
        if !self.deadlines.is_set(key) {
            let every = Duration::from_secs(u64::from(conf.get(Setting::GcInterval).max(1)));
            self.deadlines.set(key, cx.now + every, self, cx.stack.platform());
        }
    }

    /// Every neighbour, by link and address.
    ///
    /// # Errors
    /// [`NeighbourError::Full`] if there is no room for the answer.
    pub fn neighbours(&self) -> Result<Vec<Neighbour>, NeighbourError> {
        self.neighbours.table.lock().snapshot()
    }

    /// One neighbour.
    #[must_use]
    pub fn neighbour(&self, link: Ifindex, addr: Ipv4Addr) -> Option<Neighbour> {
        self.neighbours.table.lock().get(link, addr).map(|entry| entry.snapshot())
    }
}

/// The hardware address that needs no asking (Linux: `arp_constructor`): of a group, of
/// everybody, or any on a link that speaks no ARP.
fn static_address(link: &Link, next_hop: Ipv4Addr) -> Option<MacAddr> {
    let flags = link.flags();
    if next_hop.is_multicast() {
        let [_, b, c, d] = next_hop.octets();
        return Some(MacAddr([0x01, 0x00, 0x5e, b & 0x7f, c, d]));
    }
    if flags.intersects(LinkFlags::NOARP | LinkFlags::LOOPBACK) {
        return Some(link.mac());
    }
    (next_hop.is_broadcast() || flags.contains(LinkFlags::POINTOPOINT))
        .then_some(MacAddr::BROADCAST)
}

/// Puts the Ethernet header in front of an IP packet and gives it to the link.
pub(crate) fn transmit(link: &Arc<Link>, to: MacAddr, mut packet: Packet, cx: &Cx<'_>) -> HandOver {
    let Some(header) = packet.push_front(ETHERNET_HEADER) else {
        return HandOver::Dropped(DropReason::FrameLength);
    };
    header[..6].copy_from_slice(&to.0);
    header[6..12].copy_from_slice(&link.mac().0);
    header[12..].copy_from_slice(&arp::ETHERTYPE_IPV4.to_be_bytes());
    match link.send(packet, cx) {
        TxVerdict::Sent => HandOver::Done,
        TxVerdict::Dropped(_) => HandOver::Lost,
        TxVerdict::Full(mut packet) => {
            if packet.pop_front(ETHERNET_HEADER) {
                HandOver::Full(packet)
            } else {
                HandOver::Dropped(DropReason::FrameLength)
            }
        }
    }
}
