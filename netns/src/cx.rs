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
}
