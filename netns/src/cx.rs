//! What every step of the data path is told: when, where and in which stack it runs.

use warren_platform::{CpuId, Instant};

use crate::stack::Stack;

/// The circumstances of one entry into the core (a system call, a NAPI run, a deadline):
/// made once at the door, passed down by reference, never stored.
#[derive(Clone, Copy, Debug)]
pub struct Cx<'a> {
    /// The time for the whole entry.
    pub now: Instant,
    /// The CPU whose NAPI list takes what this entry schedules.
    pub cpu: CpuId,
    /// The stack everything happens in.
    pub stack: &'a Stack,
    /// Who asked for the change this entry makes, where somebody did through a
    /// configuration socket: its notifications say so (`nlmsg_pid`, `nlmsg_seq`).
    pub origin: Option<Origin>,
}

/// A request of a configuration socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Origin {
    /// The socket's port id.
    pub port: u32,
    /// The request's sequence number.
    pub sequence: u32,
}
