//! The error queue of a socket (IP_RECVERR, MSG_ERRQUEUE): what became of what it sent.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::net::{Ipv4Addr, SocketAddrV4};

use crate::error::SocketError;

/// Errors kept per socket; more are dropped and counted. Linux charges them to the
/// receive buffer, which comes to about this many.
const LIMIT: usize = 128;

/// Who reported an error (`ee_origin`, include/uapi/linux/errqueue.h).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorOrigin {
    /// This host.
    Local = 1,
    /// An ICMP packet.
    Icmp = 2,
}

/// `struct sock_extended_err`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExtendedError {
    /// What it means.
    pub error: SocketError,
    /// Who says so.
    pub origin: ErrorOrigin,
    /// ICMP type.
    pub icmp_type: u8,
    /// ICMP code.
    pub code: u8,
    /// The MTU, where the error is about one.
    pub info: u32,
    /// The address of who says so.
    pub offender: Option<Ipv4Addr>,
}

/// One error with the datagram it is about.
#[derive(Clone, Debug)]
pub struct QueuedError {
    /// What happened.
    pub what: ExtendedError,
    /// Where the datagram was going.
    pub destination: SocketAddrV4,
    /// The beginning of its payload, as far as it was quoted.
    pub payload: Vec<u8>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct ErrorQueue(VecDeque<QueuedError>);

impl ErrorQueue {
    /// Appends an error; `false` if the queue is full or memory is short.
    pub(super) fn push(&mut self, error: QueuedError) -> bool {
        let room = self.0.len() < LIMIT && self.0.try_reserve(1).is_ok();
        if room {
            self.0.push_back(error);
        }
        room
    }

    pub(super) fn pop(&mut self) -> Option<QueuedError> {
        self.0.pop_front()
    }

    /// The error at the front: what SO_ERROR says until it is read.
    pub(super) fn front(&self) -> Option<&QueuedError> {
        self.0.front()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
