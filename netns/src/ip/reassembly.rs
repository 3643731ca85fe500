//! Data path: putting fragments together (RFC 791, RFC 815 in spirit, RFC 5722's stance on
//! overlaps as Linux takes it): bounded in bytes, in datagrams and in time.
//!
//! Invariants: pieces of a datagram are sorted by offset and never overlap; `bytes` counts
//! the buffers of all pieces; a datagram has at least one piece.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use warren_packet::{Checksum, HEADROOM, Packet};
use warren_platform::lock::{self, Mutex};
use warren_platform::{Duration, Instant};

use super::conf::Setting;
use super::fragment::DatagramKey;
use super::header::Header;
use super::icmp::ErrorKind;
use super::mib::{Ip, IpExt};
use crate::cx::Cx;
use crate::deadline::Key;
use crate::drop_reason::DropReason;
use crate::link::Link;
use crate::namespace::Namespace;

/// The longest payload a datagram can have behind its header.
const MAX_DATAGRAM: usize = 65_535;

/// A namespace's incomplete datagrams.
#[derive(Debug, Default)]
pub(crate) struct Reassembly(Mutex<lock::Reassembly, Incomplete>);

#[derive(Debug, Default)]
struct Incomplete {
    datagrams: BTreeMap<DatagramKey, Datagram>,
    /// By deadline, the oldest first.
    order: BTreeMap<(Instant, DatagramKey), ()>,
    bytes: usize,
}

#[derive(Debug)]
struct Datagram {
    deadline: Instant,
    link: Arc<Link>,
    pieces: Vec<Piece>,
    /// Payload length, once the last fragment came.
    total: Option<usize>,
    have: usize,
    bytes: usize,
}

#[derive(Debug)]
struct Piece {
    offset: usize,
    header: Header,
    packet: Packet,
}

impl Piece {
    const fn len(&self) -> usize {
        self.header.total_len - self.header.header_len
    }
}

/// What became of a fragment.
enum Step {
    Waits,
    Duplicate,
    Overlap,
    Bad,
    Complete(Datagram),
}

impl Datagram {
    fn add(&mut self, piece: Piece) -> Step {
        let (start, end) = (piece.offset, piece.offset + piece.len());
        if !piece.header.more_fragments {
            // The last one fixes the length; another last one must agree.
            let beyond = self.pieces.last().is_some_and(|last| last.offset + last.len() > end);
            if beyond || self.total.is_some_and(|total| total != end) {
                return Step::Bad;
            }
            self.total = Some(end);
        } else if self.total.is_some_and(|total| end > total) {
            return Step::Bad;
        }
        let at = self.pieces.partition_point(|known| known.offset < start);
        let known = self.pieces.get(at);
        if known.is_some_and(|known| known.offset == start && known.len() == end - start) {
            return Step::Duplicate;
        }
        let before = at.checked_sub(1).and_then(|at| self.pieces.get(at));
        let overlaps = before.is_some_and(|before| before.offset + before.len() > start)
            || known.is_some_and(|known| known.offset < end);
        if overlaps {
            return Step::Overlap;
        }
        if self.pieces.try_reserve(1).is_err() {
            return Step::Bad;
        }
        self.have += piece.len();
        self.bytes += cost(&piece.packet);
        self.pieces.insert(at, piece);
        Step::Waits
    }

    fn is_complete(&self) -> bool {
        self.total == Some(self.have) && self.pieces.first().is_some_and(|p| p.offset == 0)
    }
}

/// What a piece is charged: its buffer, not its bytes.
fn cost(packet: &Packet) -> usize {
    (packet.len() + HEADROOM).max(2_048)
}

impl Incomplete {
    fn take(&mut self, key: &DatagramKey) -> Option<Datagram> {
        let datagram = self.datagrams.remove(key)?;
        self.order.remove(&(datagram.deadline, *key));
        self.bytes -= datagram.bytes;
        Some(datagram)
    }

    fn step(&mut self, key: DatagramKey, piece: Piece, link: &Arc<Link>, until: Instant) -> Step {
        let datagram = self.datagrams.entry(key).or_insert_with(|| {
            self.order.insert((until, key), ());
            Datagram {
                deadline: until,
                link: link.clone(),
                pieces: Vec::new(),
                total: None,
                have: 0,
                bytes: 0,
            }
        });
        let before = datagram.bytes;
        let step = datagram.add(piece);
        self.bytes += datagram.bytes - before;
        match step {
            Step::Waits if datagram.is_complete() => {
                self.take(&key).map_or(Step::Bad, Step::Complete)
            }
            Step::Bad | Step::Overlap => {
                self.take(&key);
                step
            }
            step => step,
        }
    }
}

impl Namespace {
    /// Takes a fragment for us; returns the whole datagram when this was the last missing
    /// one.
    pub(super) fn reassemble(
        self: &Arc<Self>,
        packet: Packet,
        header: &Header,
        link: &Arc<Link>,
        cx: &Cx<'_>,
    ) -> Option<Packet> {
        let mib = &self.ip.mib;
        mib.ip(Ip::ReasmReqds);
        let payload = header.total_len - header.header_len;
        let end = header.fragment_offset + payload;
        let odd = header.more_fragments && !payload.is_multiple_of(8);
        if payload == 0 || odd || end + header.header_len > MAX_DATAGRAM {
            mib.ip(Ip::ReasmFails);
            self.drops.count(DropReason::BadFragment);
            return None;
        }
        let key = DatagramKey {
            src: header.src,
            dst: header.dst,
            ident: header.ident,
            protocol: header.protocol,
        };
        let limit = usize::try_from(self.ip.conf.get(Setting::FragmentHighThreshold)).unwrap_or(0);
        let seconds = u64::try_from(self.ip.conf.get(Setting::FragmentTime)).unwrap_or(0);
        let until = cx.now + Duration::from_secs(seconds);
        let piece = Piece { offset: header.fragment_offset, header: *header, packet };
        let (step, next) = {
            let mut incomplete = self.ip.reassembly.0.lock();
            if incomplete.bytes + cost(&piece.packet) > limit {
                (Step::Bad, None)
            } else {
                let step = incomplete.step(key, piece, link, until);
                (step, incomplete.order.first_key_value().map(|((at, _), ())| *at))
            }
        };
        if let Some(at) = next {
            self.deadlines.set(Key::Reassembly, at, self, cx.stack.platform());
        }
        match step {
            Step::Waits => None,
            Step::Duplicate => {
                self.drops.count(DropReason::BadFragment);
                None
            }
            Step::Overlap | Step::Bad => {
                if matches!(step, Step::Overlap) {
                    mib.ext(IpExt::ReasmOverlaps);
                }
                mib.ip(Ip::ReasmFails);
                self.drops.count(DropReason::BadFragment);
                None
            }
            Step::Complete(datagram) => {
                let whole = join(&datagram, cx);
                match &whole {
                    Some(_) => mib.ip(Ip::ReasmOKs),
                    None => {
                        mib.ip(Ip::ReasmFails);
                        self.drops.count(DropReason::NoBuffer);
                    }
                }
                whole
            }
        }
    }

    /// Datagrams that waited long enough go; who sent the first fragment hears of it
    /// (RFC 792, time exceeded, code 1).
    pub(crate) fn reassembly_due(self: &Arc<Self>, cx: &Cx<'_>) {
        let mut expired = Vec::new();
        let next = {
            let mut incomplete = self.ip.reassembly.0.lock();
            loop {
                let first = incomplete.order.first_key_value().map(|(first, ())| *first);
                match first {
                    Some((at, key)) if at <= cx.now => expired.extend(incomplete.take(&key)),
                    rest => break rest.map(|(at, _)| at),
                }
            }
        };
        if let Some(at) = next {
            self.deadlines.set(Key::Reassembly, at, self, cx.stack.platform());
        }
        for datagram in expired {
            self.ip.mib.ip(Ip::ReasmTimeout);
            self.ip.mib.ip(Ip::ReasmFails);
            self.drops.count(DropReason::ReassemblyTimeout);
            if let Some(first) = datagram.pieces.first().filter(|piece| piece.offset == 0) {
                self.send_icmp_error(
                    &first.packet,
                    Some(&datagram.link),
                    ErrorKind::ReassemblyTimeout,
                    cx,
                );
            }
        }
    }

    /// A link is gone: so are the fragments that came by it.
    pub(super) fn forget_fragments(&self, link: &Arc<Link>) {
        let mut incomplete = self.ip.reassembly.0.lock();
        let of_link = incomplete.datagrams.iter().filter(|(_, d)| d.link.id() == link.id());
        let doomed: Vec<DatagramKey> = of_link.map(|(key, _)| *key).collect();
        for key in doomed {
            incomplete.take(&key);
        }
    }
}

/// One packet of all pieces, its header that of the first.
fn join(datagram: &Datagram, cx: &Cx<'_>) -> Option<Packet> {
    let first = datagram.pieces.first()?;
    let header_len = first.header.header_len;
    let total_len = header_len + datagram.have;
    let mut whole = cx.stack.pool().take(total_len).ok()?;
    let bytes = whole.bytes_mut();
    bytes[..header_len].copy_from_slice(&first.packet.bytes()[..header_len]);
    for piece in &datagram.pieces {
        let payload = &piece.packet.bytes()[piece.header.header_len..piece.header.total_len];
        let at = header_len + piece.offset;
        bytes[at..at + payload.len()].copy_from_slice(payload);
    }
    let header = Header { total_len, more_fragments: false, fragment_offset: 0, ..first.header };
    header.write_fragment_fields(&mut bytes[..header_len]);
    let verified = |piece: &Piece| piece.packet.meta.checksum == Checksum::Verified;
    whole.meta = first.packet.meta;
    whole.meta.checksum = if datagram.pieces.iter().all(verified) {
        Checksum::Verified
    } else {
        Checksum::Unverified
    };
    Some(whole)
}
