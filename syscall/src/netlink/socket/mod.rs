//! `AF_NETLINK` sockets: one per open file, belonging to the namespace it was opened in,
//! wherever the thread that uses it has gone since.
//!
//! Sending runs the requests of the datagram there and then and queues their answers
//! ([`serve`]); what waits to be read is bounded ([`queue`]). A dump goes on as the reader
//! reads: each `receive` that leaves room asks the dump for its next part ([`dumping`]).
//!
//! Invariant: the socket's own lock is the last in the lock order and held only to touch
//! its fields. Requests and dumps run with none held.

mod dumping;
mod options;
mod ports;
mod queue;
mod serve;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};

use warren_netns::{Cx, Namespace};
use warren_platform::lock::{self, Mutex};
use warren_platform::{Observer, Readiness};

use crate::abi::{AF_UNSPEC, SOCK_DGRAM, SOCK_RAW};
use crate::cred::{Caller, Capability};
use crate::errno::Errno;
use crate::netlink::abi::{NETLINK_NO_ENOBUFS, NETLINK_ROUTE, RTNLGRP_MAX};
use crate::sockaddr::{self, SockAddr};

pub use options::Options;
pub use queue::Incoming;

use dumping::Dumping;
use ports::Ports;
use queue::{Admission, Queue};

/// What of the send buffer a datagram may not use.
const SEND_RESERVE: usize = 32;

/// See the module.
#[derive(Debug)]
pub struct NetlinkSocket {
    ns: Arc<Namespace>,
    socket_type: u32,
    closed: AtomicBool,
    state: Mutex<lock::NetlinkSocket, State>,
}

#[derive(Debug, Default)]
struct State {
    /// 0 until it is bound.
    port: u32,
    /// Where datagrams without an address go: port and group.
    destination: (u32, u32),
    options: Options,
    queue: Queue,
    dumping: Dumping,
    error: Option<Errno>,
    observer: Option<Arc<dyn Observer>>,
}

/// What recvmsg hands out.
#[derive(Clone, Debug)]
pub struct Received {
    /// The whole datagram: the caller copies what fits and reports the rest as truncated.
    pub bytes: Arc<[u8]>,
    /// `msg_name`.
    pub sender: SockAddr,
    /// The group of a `NETLINK_PKTINFO` control message, if those are asked for.
    pub packet_info: Option<u32>,
    /// Process, user and group of the sender: zeros for the kernel.
    pub credentials: [u32; 3],
}

impl NetlinkSocket {
    /// socket(2).
    ///
    /// # Errors
    /// ESOCKTNOSUPPORT for types but raw and datagram, EPROTONOSUPPORT for protocols but
    /// `NETLINK_ROUTE`.
    pub fn open(ns: &Arc<Namespace>, socket_type: u32, protocol: i32) -> Result<Arc<Self>, Errno> {
        if socket_type != SOCK_RAW && socket_type != SOCK_DGRAM {
            return Err(Errno::ESOCKTNOSUPPORT);
        }
        if protocol != NETLINK_ROUTE {
            return Err(Errno::EPROTONOSUPPORT);
        }
        ns.hold();
        Ok(Arc::new(Self {
            ns: ns.clone(),
            socket_type,
            closed: AtomicBool::new(false),
            state: Mutex::default(),
        }))
    }

    /// The last descriptor is closed: the port is free, the namespace let go.
    pub fn close(self: &Arc<Self>, cx: &Cx<'_>) {
        if self.closed.swap(true, Ordering::AcqRel) {
            return;
        }
        let port = {
            let mut state = self.state.lock();
            state.options.groups = 0;
            state.dumping = Dumping::default();
            state.observer = None;
            core::mem::take(&mut state.port)
        };
        Ports::of(&self.ns).forget(&self.ns, port, self);
        self.ns.release(cx);
    }

    /// The namespace it belongs to.
    #[must_use]
    pub const fn namespace(&self) -> &Arc<Namespace> {
        &self.ns
    }

    /// `SO_TYPE`.
    #[must_use]
    pub const fn socket_type(&self) -> u32 {
        self.socket_type
    }

    /// bind(2).
    ///
    /// # Errors
    /// EINVAL for another family, a short address, or another port than it has already;
    /// EADDRINUSE.
    pub fn bind(
        self: &Arc<Self>,
        address: &[u8],
        caller: &dyn Caller,
        cx: &Cx<'_>,
    ) -> Result<(), Errno> {
        let (port, groups) = sockaddr::parse_netlink(address)?;
        let bound = self.state.lock().port;
        if bound != 0 && port != bound {
            return Err(Errno::EINVAL);
        }
        if bound == 0 {
            self.claim(port, caller, cx)?;
        }
        let (before, after) = {
            let mut state = self.state.lock();
            let before = state.options.groups;
            state.options.set_low_groups(groups);
            (before, state.options.groups)
        };
        self.groups_changed(before, after);
        Ok(())
    }

    /// connect(2): where datagrams without an address go.
    ///
    /// # Errors
    /// EINVAL for another family or a short address; EPERM for any destination but the
    /// kernel without CAP_NET_ADMIN.
    pub fn connect(
        self: &Arc<Self>,
        address: &[u8],
        caller: &dyn Caller,
        cx: &Cx<'_>,
    ) -> Result<(), Errno> {
        if sockaddr::family(address) == Some(AF_UNSPEC) {
            self.state.lock().destination = (0, 0);
            return Ok(());
        }
        let destination = self.parse_destination(address, caller)?;
        self.ensure_bound(caller, cx)?;
        self.state.lock().destination = destination;
        Ok(())
    }

    /// getsockname(2).
    #[must_use]
    pub fn local_address(&self) -> SockAddr {
        let state = self.state.lock();
        SockAddr::netlink(state.port, state.options.low_groups())
    }

    /// getpeername(2).
    #[must_use]
    pub fn peer_address(&self) -> SockAddr {
        let (port, group) = self.state.lock().destination;
        SockAddr::netlink(port, group_mask(group))
    }

    /// sendto(2) and sendmsg(2): runs the requests in `datagram`; their answers are queued
    /// when this returns.
    ///
    /// # Errors
    /// EINVAL for a bad address, EPERM for a destination but the kernel without
    /// CAP_NET_ADMIN, ECONNREFUSED for a port nobody has, ENODATA for an empty datagram,
    /// EMSGSIZE for one longer than the send buffer.
    pub fn send(
        self: &Arc<Self>,
        address: Option<&[u8]>,
        datagram: &[u8],
        caller: &dyn Caller,
        cx: &Cx<'_>,
    ) -> Result<usize, Errno> {
        self.check_length(datagram.len())?;
        let (port, group) = match address {
            Some(address) if !address.is_empty() => self.parse_destination(address, caller)?,
            _ => self.state.lock().destination,
        };
        self.ensure_bound(caller, cx)?;
        if port != 0 || group != 0 {
            return self.send_to_user((port, group), datagram, caller);
        }
        serve::serve(self, datagram, caller, cx);
        Ok(datagram.len())
    }

    /// Whether a datagram of `len` bytes may be sent.
    ///
    /// # Errors
    /// ENODATA for an empty one, EMSGSIZE for one longer than the send buffer.
    pub fn check_length(&self, len: usize) -> Result<(), Errno> {
        let limit = self.state.lock().options.send_limit.saturating_sub(SEND_RESERVE);
        match len {
            0 => Err(Errno::ENODATA),
            len if len > limit => Err(Errno::EMSGSIZE),
            _ => Ok(()),
        }
    }

    /// recvmsg(2). `capacity` is the size of the caller's buffer, which sizes the parts of
    /// dumps; with `peek` the datagram stays.
    ///
    /// # Errors
    /// EAGAIN if there is nothing to read, ENOBUFS once after something was lost.
    pub fn receive(&self, capacity: usize, peek: bool, cx: &Cx<'_>) -> Result<Received, Errno> {
        let (incoming, packet_info) = {
            let mut state = self.state.lock();
            if let Some(error) = state.error.take() {
                return Err(error);
            }
            state.dumping.note_capacity(capacity);
            let incoming = if peek { state.queue.peek() } else { state.queue.pop() };
            (incoming.ok_or(Errno::EAGAIN)?, state.options.packet_info)
        };
        self.continue_dump(cx);
        Ok(Received {
            bytes: incoming.bytes,
            sender: SockAddr::netlink(incoming.port, group_mask(incoming.group)),
            packet_info: packet_info.then_some(incoming.group),
            credentials: incoming.credentials,
        })
    }

    /// setsockopt(2) of `SOL_NETLINK`: values shorter than an int count as zero.
    ///
    /// # Errors
    /// ENOPROTOOPT, or EINVAL for a group there is not.
    pub fn set_option(self: &Arc<Self>, name: i32, value: &[u8]) -> Result<(), Errno> {
        let value = value.first_chunk().map_or(0, |bytes| i32::from_le_bytes(*bytes));
        let (before, after) = {
            let mut state = self.state.lock();
            let before = state.options.groups;
            state.options.set(name, value)?;
            if name == NETLINK_NO_ENOBUFS && value != 0 {
                state.queue.forgive();
            }
            (before, state.options.groups)
        };
        self.groups_changed(before, after);
        Ok(())
    }

    /// getsockopt(2) of `SOL_NETLINK`: the whole value, to be cut to the caller's buffer.
    ///
    /// # Errors
    /// ENOPROTOOPT.
    pub fn option(&self, name: i32) -> Result<Vec<u8>, Errno> {
        self.state.lock().options.get(name)
    }

    /// Reads or changes its options under its lock.
    pub fn with_options<R>(&self, with: impl FnOnce(&mut Options) -> R) -> R {
        with(&mut self.state.lock().options)
    }

    /// `SO_ERROR`: the pending error, which is taken.
    pub fn take_error(&self) -> Option<Errno> {
        self.state.lock().error.take()
    }

    /// poll(2).
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        let state = self.state.lock();
        let mut ready = Readiness::OUT;
        ready.set(Readiness::IN, !state.queue.is_empty());
        ready.set(Readiness::ERR, state.error.is_some());
        ready
    }

    /// Who hears that there is something to read.
    pub fn set_observer(&self, observer: Option<Arc<dyn Observer>>) {
        self.state.lock().observer = observer;
    }

    /// The port, 0 while unbound.
    pub(in crate::netlink) fn port(&self) -> u32 {
        self.state.lock().port
    }

    /// Queues a datagram from `port` and tells the observer.
    fn deliver(&self, incoming: Incoming) {
        let (news, observer) = {
            let mut state = self.state.lock();
            let limit = state.options.receive_limit;
            let news = match state.queue.push(incoming, limit) {
                Admission::Queued => Readiness::IN,
                Admission::Lost { report: true } if !state.options.no_enobufs => {
                    state.error = Some(Errno::ENOBUFS);
                    Readiness::ERR
                }
                Admission::Lost { .. } => return,
            };
            (news, state.observer.clone())
        };
        if let Some(observer) = observer {
            observer.notify(news);
        }
    }

    /// Queues what is said to a group, if it listens to that.
    fn overhear(&self, incoming: &Incoming) {
        if self.state.lock().options.listens_to(incoming.group) {
            self.deliver(incoming.clone());
        }
    }

    /// A datagram for other sockets of the namespace.
    fn send_to_user(
        &self,
        (port, group): (u32, u32),
        datagram: &[u8],
        caller: &dyn Caller,
    ) -> Result<usize, Errno> {
        let message = Incoming {
            bytes: datagram.into(),
            port: self.port(),
            group,
            credentials: [caller.pid(), caller.uid(), caller.gid()],
        };
        let ports = Ports::of(&self.ns);
        if group != 0 {
            ports.broadcast(&message);
        }
        if port != 0 {
            let target = ports.find(port).ok_or(Errno::ECONNREFUSED)?;
            target.deliver(Incoming { group: 0, ..message });
        }
        Ok(datagram.len())
    }

    fn parse_destination(&self, address: &[u8], caller: &dyn Caller) -> Result<(u32, u32), Errno> {
        let (port, groups) = sockaddr::parse_netlink(address)?;
        if (port, groups) != (0, 0) && !caller.has(Capability::NetAdmin, &self.ns) {
            return Err(Errno::EPERM);
        }
        let group = if groups == 0 { 0 } else { groups.trailing_zeros() + 1 };
        Ok((port, group))
    }

    fn ensure_bound(self: &Arc<Self>, caller: &dyn Caller, cx: &Cx<'_>) -> Result<(), Errno> {
        if self.port() == 0 { self.claim(0, caller, cx) } else { Ok(()) }
    }

    /// Takes `port`, or one of the kernel's choice for 0.
    fn claim(self: &Arc<Self>, port: u32, caller: &dyn Caller, cx: &Cx<'_>) -> Result<(), Errno> {
        let ports = Ports::of(&self.ns);
        let port = if port == 0 {
            let mut random = [0; 4];
            cx.stack.platform().fill_random(&mut random);
            ports.claim_any(caller.pid(), u32::from_le_bytes(random), self)?
        } else {
            ports.claim(port, self)?;
            port
        };
        let taken = {
            let mut state = self.state.lock();
            let taken = state.port;
            if taken == 0 {
                state.port = port;
            }
            taken
        };
        // Another thread bound it meanwhile: that binding stays.
        if taken != 0 {
            ports.release(port);
        }
        Ok(())
    }

    fn groups_changed(self: &Arc<Self>, before: u64, after: u64) {
        if (before == 0) != (after == 0) {
            Ports::of(&self.ns).set_member(&self.ns, self, after != 0);
        }
    }
}

/// The groups of an address: one bit (Linux: `netlink_group_mask`, a 32-bit shift that
/// wraps for the groups above 32).
const fn group_mask(group: u32) -> u32 {
    debug_assert!(group <= RTNLGRP_MAX);
    if group == 0 { 0 } else { 1u32.wrapping_shl(group - 1) }
}
