//! One neighbour: Linux's state machine (net/core/neighbour.c behaves so), as decisions.
//!
//! Nothing here sends, sleeps or locks. An entry is told that a packet wants out, that its
//! deadline is due or that an answer came, and returns a [`Verdict`] or [`Todo`]; the caller
//! acts after it released the table.
//!
//! Invariants: packets wait only while INCOMPLETE; `deadline` is set exactly in the states
//! of IN_TIMER; `mac` is set in every VALID state.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::net::Ipv4Addr;

use warren_packet::Packet;
use warren_platform::Instant;

use super::conf::Timing;
use super::{Neighbour, NeighbourFlags, NeighbourState};
use crate::error::NeighbourError;
use crate::ids::{Ifindex, MacAddr};
use crate::link::Link;

/// What a waiting packet costs besides its bytes, so that short packets are bounded too
/// (Linux charges the buffer: about 101 full-sized packets fit the default).
const PACKET_OVERHEAD: usize = 576;

/// One neighbour.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: u64,
    pub(super) link: Arc<Link>,
    pub(super) ifindex: Ifindex,
    pub(super) addr: Ipv4Addr,
    mac: MacAddr,
    pub(super) state: NeighbourState,
    pub(super) flags: NeighbourFlags,
    pub(super) protocol: u8,
    probes: u32,
    pub(super) confirmed: Instant,
    pub(super) used: Instant,
    pub(super) updated: Instant,
    pub(super) deadline: Option<Instant>,
    waiting: VecDeque<Packet>,
    waiting_bytes: usize,
}

/// What becomes of a packet for a neighbour.
#[derive(Debug)]
#[must_use]
pub(super) enum Verdict {
    /// Send it to this station.
    Send(MacAddr, Packet),
    /// It waits.
    Waits,
    /// There is no room for it, not even after dropping older ones; or memory is short.
    Full(Packet),
    /// The neighbour cannot be resolved at all.
    Unreachable(Packet),
}

/// What else is to be done after a step.
#[derive(Debug, Default)]
#[must_use]
pub(super) struct Todo {
    /// Ask for the address: of this station if it is known, of everybody otherwise.
    pub(super) probe: Option<Probe>,
    /// Packets that may go now, to this station.
    pub(super) release: Option<(MacAddr, VecDeque<Packet>)>,
    /// Packets whose neighbour did not answer.
    pub(super) failed: VecDeque<Packet>,
    /// Packets that had to make room.
    pub(super) crowded_out: usize,
    /// Subscribers shall hear of it.
    pub(super) notify: bool,
}

/// An ARP request to be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Probe {
    /// The known station to ask; `None`: everybody.
    pub(super) to: Option<MacAddr>,
    /// The source of the packet that asked for it, if one waits.
    pub(super) on_behalf_of: Option<Ipv4Addr>,
}

/// What is learned or set about a neighbour.
#[derive(Clone, Copy, Debug)]
pub(super) struct News {
    pub(super) mac: Option<MacAddr>,
    pub(super) state: NeighbourState,
    /// Another address than the known one is believed.
    pub(super) overrides: bool,
    /// The user says so: PERMANENT entries change too.
    pub(super) admin: bool,
}

impl Entry {
    /// A new entry that knows nothing.
    pub(super) fn new(id: u64, link: &Arc<Link>, addr: Ipv4Addr, t: &Timing, now: Instant) -> Self {
        Self {
            id,
            link: link.clone(),
            ifindex: link.ifindex(),
            addr,
            mac: MacAddr::ZERO,
            state: NeighbourState::empty(),
            flags: NeighbourFlags::empty(),
            protocol: 0,
            probes: 0,
            confirmed: now - t.twice_base,
            used: now,
            updated: now,
            deadline: None,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
        }
    }

    /// The station, if it may be used without a second thought.
    pub(super) fn connected(&mut self) -> Option<MacAddr> {
        self.state.intersects(NeighbourState::CONNECTED).then_some(self.mac)
    }

    /// A packet wants to go to this neighbour (Linux: `neigh_event_send`).
    pub(super) fn send(&mut self, packet: Packet, t: &Timing, now: Instant) -> (Verdict, Todo) {
        if self.state.intersects(NeighbourState::CONNECTED) {
            return (Verdict::Send(self.mac, packet), Todo::default());
        }
        let mut todo = self.wake(t, now);
        if self.state.intersects(NeighbourState::VALID) {
            return (Verdict::Send(self.mac, packet), todo);
        }
        if self.state != NeighbourState::INCOMPLETE {
            return (Verdict::Unreachable(packet), todo);
        }
        if let Some(probe) = &mut todo.probe {
            probe.on_behalf_of = source_of(&packet);
        }
        let cost = packet.len() + PACKET_OVERHEAD;
        while self.waiting_bytes + cost > t.queue_bytes {
            let Some(oldest) = self.waiting.pop_front() else {
                return (Verdict::Full(packet), todo);
            };
            self.waiting_bytes -= oldest.len() + PACKET_OVERHEAD;
            todo.crowded_out += 1;
        }
        if self.waiting.try_reserve(1).is_err() {
            return (Verdict::Full(packet), todo);
        }
        self.waiting_bytes += cost;
        self.waiting.push_back(packet);
        (Verdict::Waits, todo)
    }

    /// The entry is needed: resolution starts, or a stale entry comes under suspicion.
    pub(super) fn wake(&mut self, t: &Timing, now: Instant) -> Todo {
        let mut todo = Todo::default();
        self.used = now;
        if self.state == NeighbourState::STALE {
            self.set_state(NeighbourState::DELAY, now);
            self.deadline = Some(now + t.delay_first_probe);
        } else if self.state.is_empty() || self.state == NeighbourState::FAILED {
            if t.mcast_probes == 0 {
                self.set_state(NeighbourState::FAILED, now);
                return todo;
            }
            // The unicast probes count as made: there is nobody to send them to.
            self.probes = t.ucast_probes;
            self.set_state(NeighbourState::INCOMPLETE, now);
            self.deadline = Some(now + t.retrans);
            todo.probe = Some(self.next_probe(t));
        }
        todo
    }

    /// The entry's deadline is due (Linux: `neigh_timer_handler`).
    pub(super) fn due(&mut self, t: &Timing, now: Instant) -> Todo {
        let mut todo = Todo::default();
        let state = self.state;
        let mut next = now + t.retrans;
        if state == NeighbourState::REACHABLE {
            if now < self.confirmed + t.reachable {
                next = self.confirmed + t.reachable;
            } else if now < self.used + t.delay_first_probe {
                self.set_state(NeighbourState::DELAY, now);
                next = now + t.delay_first_probe;
            } else {
                self.set_state(NeighbourState::STALE, now);
                todo.notify = true;
            }
        } else if state == NeighbourState::DELAY {
            todo.notify = true;
            if now < self.confirmed + t.delay_first_probe {
                self.set_state(NeighbourState::REACHABLE, now);
                next = self.confirmed + t.reachable;
            } else {
                self.set_state(NeighbourState::PROBE, now);
                self.probes = 0;
            }
        } else if !state.intersects(NeighbourState::IN_TIMER) {
            self.deadline = None;
            return todo;
        }
        let searching = NeighbourState::INCOMPLETE | NeighbourState::PROBE;
        if self.state.intersects(searching) && self.probes >= self.max_probes(t) {
            self.set_state(NeighbourState::FAILED, now);
            todo.notify = true;
            todo.failed = self.take_waiting();
        }
        self.deadline = self.state.intersects(NeighbourState::IN_TIMER).then_some(next);
        if self.state.intersects(searching) {
            todo.probe = Some(self.next_probe(t));
        }
        todo
    }

    /// An answer came, or the user set something (Linux: `neigh_update`).
    pub(super) fn update(
        &mut self,
        news: &News,
        t: &Timing,
        now: Instant,
    ) -> Result<Todo, NeighbourError> {
        let mut todo = Todo::default();
        let old = self.state;
        let fixed = NeighbourState::NOARP | NeighbourState::PERMANENT;
        if !news.admin && old.intersects(fixed) {
            return Err(NeighbourError::NotPermitted);
        }
        let mut new = news.state;
        if !new.intersects(NeighbourState::VALID) {
            self.set_state(new, now);
            self.deadline = new.intersects(NeighbourState::IN_TIMER).then_some(now);
            todo.notify = old.intersects(NeighbourState::VALID);
            let searching = NeighbourState::INCOMPLETE | NeighbourState::PROBE;
            if old.intersects(searching) && new == NeighbourState::FAILED {
                todo.failed = self.take_waiting();
                todo.notify = true;
            }
            return Ok(todo);
        }
        let was_valid = old.intersects(NeighbourState::VALID);
        let mac = match news.mac {
            Some(mac) => mac,
            None if was_valid => self.mac,
            None => return Err(NeighbourError::NoAddress),
        };
        if new.intersects(NeighbourState::CONNECTED) {
            self.confirmed = now;
        }
        let other_station = !was_valid || mac != self.mac;
        if was_valid {
            if other_station && !news.overrides {
                return Ok(todo);
            }
            if !other_station && new == NeighbourState::STALE && !news.admin {
                new = old;
            }
        }
        if new != old {
            self.set_state(new, now);
            todo.notify = true;
            if new == NeighbourState::PROBE {
                self.probes = 0;
            }
            self.deadline = match new {
                NeighbourState::REACHABLE => Some(now + t.reachable),
                _ if new.intersects(NeighbourState::IN_TIMER) => Some(now),
                _ => None,
            };
        }
        if other_station {
            self.mac = mac;
            self.updated = now;
            todo.notify = true;
            if !new.intersects(NeighbourState::CONNECTED) {
                self.confirmed = now - t.twice_base;
            }
        }
        if !was_valid {
            todo.release = Some((self.mac, self.take_waiting()));
        }
        Ok(todo)
    }

    /// Whether an answer that came `now` may override the one before it.
    pub(super) fn may_be_overridden(&self, t: &Timing, now: Instant) -> bool {
        now > self.updated + t.lock
    }

    /// Somebody above heard from the neighbour: TCP made progress.
    pub(super) const fn confirm(&mut self, now: Instant) {
        self.confirmed = now;
    }

    /// The packets that wait, which nobody will send now.
    pub(super) fn take_waiting(&mut self) -> VecDeque<Packet> {
        self.waiting_bytes = 0;
        core::mem::take(&mut self.waiting)
    }

    /// Whether a collector may take it: nobody set it, nobody waits for it.
    pub(super) fn is_collectable(&self) -> bool {
        !self.state.contains(NeighbourState::PERMANENT)
            && !self.flags.contains(NeighbourFlags::EXT_LEARNED)
            && self.waiting.is_empty()
    }

    /// The entry as it is.
    pub(super) fn snapshot(&self) -> Neighbour {
        Neighbour {
            ifindex: self.ifindex,
            addr: self.addr,
            mac: self.state.intersects(NeighbourState::VALID).then_some(self.mac),
            state: self.state,
            flags: self.flags,
            probes: self.probes,
            protocol: self.protocol,
            confirmed: self.confirmed,
            used: self.used,
            updated: self.updated,
            refs: u32::from(self.deadline.is_some()),
        }
    }

    fn set_state(&mut self, state: NeighbourState, now: Instant) {
        self.state = state;
        self.updated = now;
        if !state.intersects(NeighbourState::IN_TIMER) {
            self.deadline = None;
        }
    }

    const fn max_probes(&self, t: &Timing) -> u32 {
        if self.state.contains(NeighbourState::PROBE) {
            t.ucast_probes
        } else {
            t.ucast_probes + t.mcast_probes
        }
    }

    /// Counts a probe and says whom to ask.
    fn next_probe(&mut self, t: &Timing) -> Probe {
        let unicast = self.probes < t.ucast_probes;
        self.probes += 1;
        Probe {
            to: unicast.then_some(self.mac),
            on_behalf_of: self.waiting.front().and_then(source_of),
        }
    }
}

fn source_of(packet: &Packet) -> Option<Ipv4Addr> {
    let bytes: [u8; 4] = packet.bytes().get(12..16)?.try_into().ok()?;
    Some(Ipv4Addr::from(bytes))
}
