//! The dump a socket has under way: one at a time, a part at each read.

use alloc::boxed::Box;

use warren_netns::Cx;

use super::{Incoming, NetlinkSocket};
use crate::errno::Errno;
use crate::netlink::abi::{NLM_F_ACK_TLVS, NLM_F_MULTI, NLMSG_DONE};
use crate::netlink::ack::Refusal;
use crate::netlink::dump::{Dump, Part};
use crate::netlink::message::{Datagram, Reply};

/// The least a part may hold: NLMSG_GOODSIZE, a page less the buffer's bookkeeping.
const PART_MIN: usize = 4_096 - 320;
/// The most, however large the reader's buffer.
const PART_MAX: usize = 32_768 - 320;
/// `NLMSGERR_ATTR_MSG`, which `NLMSG_DONE` may carry too.
const ATTR_MSG: u16 = 1;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Dumping {
    current: Current,
    /// The largest buffer a reader offered so far.
    capacity: usize,
}

#[derive(Debug, Default)]
enum Current {
    #[default]
    None,
    /// Between two parts.
    Waiting(Running),
    /// A part is being made, with no lock held.
    Busy,
}

#[derive(Debug)]
struct Running {
    dump: Result<Box<dyn Dump>, Refusal>,
    reply: Reply,
}

impl Dumping {
    /// A reader offers a buffer of this size.
    pub(super) fn note_capacity(&mut self, capacity: usize) {
        self.capacity = self.capacity.max(capacity);
    }

    fn part_size(&self) -> usize {
        self.capacity.clamp(PART_MIN, PART_MAX)
    }
}

impl NetlinkSocket {
    /// Begins a dump and makes its first part. `dump` is the refusal where the request was
    /// not valid: a dump reports that in its `NLMSG_DONE`.
    ///
    /// # Errors
    /// EBUSY while another is under way.
    pub(super) fn start_dump(
        &self,
        dump: Result<Box<dyn Dump>, Refusal>,
        sequence: u32,
        cx: &Cx<'_>,
    ) -> Result<(), Errno> {
        {
            let mut state = self.state.lock();
            let Current::None = state.dumping.current else { return Err(Errno::EBUSY) };
            let reply = Reply { kind: 0, flags: NLM_F_MULTI, sequence, port: state.port };
            state.dumping.current = Current::Waiting(Running { dump, reply });
        }
        self.continue_dump(cx);
        Ok(())
    }

    /// Makes the next part of the dump under way, if there is room for it.
    pub(super) fn continue_dump(&self, cx: &Cx<'_>) {
        let (mut running, size, extended) = {
            let mut state = self.state.lock();
            if !state.queue.has_room_for_dump(state.options.receive_limit) {
                return;
            }
            let size = state.dumping.part_size();
            let extended = state.options.ack.extended;
            match core::mem::replace(&mut state.dumping.current, Current::Busy) {
                Current::Waiting(running) => (running, size, extended),
                other => {
                    state.dumping.current = other;
                    return;
                }
            }
        };
        let mut datagram = Datagram::new(size);
        let outcome = match &mut running.dump {
            Ok(dump) => dump.fill(&mut Part::new(&mut datagram, running.reply), &self.ns, cx),
            Err(refusal) => Err(*refusal),
        };
        let goes_on = outcome.is_ok() && !datagram.is_empty();
        if !goes_on {
            let flags = running.dump.as_ref().map_or(0, |dump| dump.done_flags());
            datagram = done(running.reply, flags, outcome, extended);
        }
        self.deliver(Incoming::from_kernel(datagram.into_bytes().into(), 0));
        let mut state = self.state.lock();
        // Only if the socket was not closed meanwhile.
        if let Current::Busy = state.dumping.current {
            state.dumping.current = if goes_on { Current::Waiting(running) } else { Current::None };
        }
    }
}

/// `NLMSG_DONE`, with the errno and its text where the dump failed.
fn done(reply: Reply, flags: u16, outcome: Result<(), Refusal>, extended: bool) -> Datagram {
    let text = outcome.err().and_then(|refusal| refusal.text).filter(|_| extended);
    let error = outcome.err().map_or(0, |refusal| -refusal.errno.get());
    let tlvs = if text.is_some() { NLM_F_ACK_TLVS } else { 0 };
    let reply = Reply { kind: NLMSG_DONE, flags: reply.flags | flags | tlvs, ..reply };
    Datagram::single(&reply, |out| {
        out.raw(&error.to_le_bytes());
        if let Some(text) = text {
            out.text(ATTR_MSG, text.as_bytes());
        }
    })
    .unwrap_or(Datagram::new(0))
}
