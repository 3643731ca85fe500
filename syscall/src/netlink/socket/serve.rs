//! Running the requests of one datagram (Linux: `netlink_rcv_skb`).

use alloc::sync::Arc;

use warren_netns::{Cx, Origin};

use super::{Incoming, NetlinkSocket};
use crate::cred::Caller;
use crate::errno::Errno;
use crate::netlink::abi::{NLM_F_ACK, NLM_F_REQUEST, NLMSG_MIN_TYPE};
use crate::netlink::ack::{self, Refusal};
use crate::netlink::attr::align;
use crate::netlink::message::{Datagram, Header};
use crate::netlink::route::{self, Answer, Request};

/// Runs every request in `datagram`, in order. A message whose length is not believable
/// ends it silently, as on Linux.
pub(super) fn serve(
    socket: &Arc<NetlinkSocket>,
    datagram: &[u8],
    caller: &dyn Caller,
    cx: &Cx<'_>,
) {
    let mut rest = datagram;
    while let Some(header) = Header::parse(rest) {
        let message = &rest[..header.len];
        let outcome = if header.has(NLM_F_REQUEST) && header.kind >= NLMSG_MIN_TYPE {
            run(socket, header, message, caller, cx)
        } else {
            Ok(Acknowledge::IfAsked)
        };
        let (acknowledge, result) = match outcome {
            Ok(Acknowledge::Never) => (false, Ok(())),
            Ok(Acknowledge::IfAsked) => (header.has(NLM_F_ACK), Ok(())),
            Err(refusal) => (true, Err(refusal)),
        };
        if acknowledge {
            let style = socket.with_options(|options| options.ack);
            match ack::acknowledge(message, &header, socket.port(), result, style) {
                Some(reply) => socket.answer(reply),
                None => socket.fail(Errno::ENOBUFS),
            }
        }
        rest = &rest[align(header.len).min(rest.len())..];
    }
}

/// Whether a request that went well is acknowledged.
enum Acknowledge {
    IfAsked,
    /// A dump: its end is the acknowledgement.
    Never,
}

fn run(
    socket: &Arc<NetlinkSocket>,
    header: Header,
    message: &[u8],
    caller: &dyn Caller,
    cx: &Cx<'_>,
) -> Result<Acknowledge, Refusal> {
    let port = socket.port();
    let cx = &Cx { origin: Some(Origin { port, sequence: header.sequence }), ..*cx };
    let strict = socket.with_options(|options| options.strict);
    let request = Request { ns: &socket.ns, header, message, port, strict, caller, cx };
    match route::handle(&request)? {
        Answer::Nothing => Ok(Acknowledge::IfAsked),
        Answer::Reply(reply) => {
            socket.answer(reply);
            Ok(Acknowledge::IfAsked)
        }
        Answer::Dump(dump) => {
            socket.start_dump(dump, header.sequence, cx)?;
            Ok(Acknowledge::Never)
        }
    }
}

impl NetlinkSocket {
    /// Queues an answer of the kernel's.
    fn answer(&self, reply: Datagram) {
        self.deliver(Incoming::from_kernel(reply.into_bytes().into(), 0));
    }

    /// Leaves an error for the next call.
    fn fail(&self, errno: Errno) {
        self.state.lock().error = Some(errno);
    }
}
