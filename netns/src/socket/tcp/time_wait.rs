//! TIME-WAIT (RFC 9293, 3.6.1): what is left of a connection for a minute, so that late
//! segments are recognised and a lost last acknowledgement is repeated. No rings, no
//! engine; it does not hold its namespace.

use alloc::sync::Arc;

use smoltcp::wire::TcpSeqNumber;
use warren_platform::Duration;

use super::input::back;
use super::owners::Owner;
use super::segment::{Segment, bare_ack};
use super::table::{Connection, FourTuple, TcpTable};
use crate::cx::Cx;
use crate::deadline::Key;
use crate::namespace::Namespace;
use crate::socket::base::SocketId;
use crate::socket::counters::Counter;
use crate::socket::path::SendFailure;
use crate::socket::table::SocketTable;

/// TCP_TIMEWAIT_LEN.
pub(super) const LENGTH: Duration = Duration::from_secs(60);
/// `net.ipv4.tcp_max_tw_buckets`, per namespace; more connections end without waiting.
const LIMIT: usize = 16_384;

/// See the module.
#[derive(Debug)]
pub(in crate::socket) struct TimeWait {
    pub(super) id: SocketId,
    tuple: FourTuple,
    /// The next sequence number each way.
    sent: TcpSeqNumber,
    acknowledged: TcpSeqNumber,
}

/// What a segment does to TIME-WAIT.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// It was dealt with.
    Done,
    /// A new connection may begin: the entry is gone.
    Reopen,
}

impl TimeWait {
    /// An entry not yet in the table.
    pub(super) fn new(
        ns: &Arc<Namespace>,
        tuple: FourTuple,
        sent: TcpSeqNumber,
        acknowledged: TcpSeqNumber,
    ) -> Arc<Self> {
        Arc::new(Self { id: ns.sockets.fresh_id(), tuple, sent, acknowledged })
    }

    /// Enters the table in the place of its connection, and inherits its share of the
    /// port. `None`: there are too many; the connection ends here.
    pub(super) fn enter(
        self: Arc<Self>,
        tcp: &mut TcpTable,
        owner: Option<Owner>,
        sockets: &SocketTable,
    ) -> Option<Arc<Self>> {
        let room = tcp.time_waits() < LIMIT
            && tcp.insert(self.tuple, Connection::TimeWait(self.clone())).is_ok();
        if !room {
            sockets.counters.count(Counter::TimeWaitOverflow);
            return None;
        }
        sockets.counters.count(Counter::TimeWaited);
        if let Some(owner) = owner {
            let owner = Owner { time_wait: true, listening: false, ..owner };
            // Without memory for it the port is merely free a minute early.
            let _ = tcp.owners.set(self.tuple.local.port(), self.id, owner);
        }
        Some(self)
    }

    /// Waits a whole minute from now on.
    pub(super) fn restart(&self, ns: &Arc<Namespace>, cx: &Cx<'_>) {
        let at = cx.now + LENGTH;
        ns.deadlines.set(Key::Socket(self.id.0), at, ns, cx.stack.platform());
    }

    /// Its line in /proc/net/tcp.
    pub(in crate::socket) const fn ends(&self) -> &FourTuple {
        &self.tuple
    }

    fn forget(&self, ns: &Arc<Namespace>) {
        ns.deadlines.clear(Key::Socket(self.id.0));
        let gone = {
            let mut demux = ns.sockets.demux.write();
            demux.tcp.owners.remove(self.tuple.local.port(), self.id);
            demux.tcp.remove(&self.tuple, self.id)
        };
        drop(gone);
    }
}

/// A segment for a connection in TIME-WAIT (Linux: `tcp_timewait_state_process`).
pub(super) fn input(
    ns: &Arc<Namespace>,
    wait: &TimeWait,
    segment: &Segment,
    cx: &Cx<'_>,
) -> Verdict {
    if segment.rst {
        // RFC 1337 is off in Linux: a reset in sequence ends the wait.
        if segment.seq == wait.acknowledged {
            wait.forget(ns);
        }
        return Verdict::Done;
    }
    if segment.syn && !segment.ack && segment.seq > wait.acknowledged {
        wait.forget(ns);
        return Verdict::Reopen;
    }
    let plain = !segment.syn && !segment.fin && segment.payload == 0;
    if plain && segment.seq == wait.acknowledged {
        return Verdict::Done;
    }
    if !segment.syn {
        wait.restart(ns, cx);
    }
    if let Ok(path) = back(ns, &wait.tuple)
        && let Ok(ack) =
            bare_ack(cx.stack.pool(), &wait.tuple, wait.sent, wait.acknowledged, path.default_ttl)
    {
        ns.sockets.counters.count(Counter::TcpOutSegs);
        match path.send(ns, ack, cx) {
            Ok(()) | Err(SendFailure::Refused(_) | SendFailure::Full(_)) => {}
        }
    }
    Verdict::Done
}

/// The minute is over.
pub(super) fn on_deadline(ns: &Arc<Namespace>, wait: &TimeWait) {
    wait.forget(ns);
}
