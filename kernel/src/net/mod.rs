//! The network: Warren's core, hosted.
//!
//! | module | what it is |
//! |---|---|
//! | [`platform`] | what this kernel lends the core: processors, randomness, threads |
//! | [`netns`] | network namespaces as processes, files and mounts hold them |
//! | [`socket`] | sockets as open files, and their system calls |
//!
//! There is one [`Stack`], made at boot with the first namespace. Every call into the core
//! passes the circumstances of the moment ([`enter`]).

mod netns;
mod platform;
pub mod socket;

use spin::Once;
use warren_netns::{Cx, Stack};

pub use netns::NetNs;
pub(crate) use socket::UserProcess;

use crate::prelude::*;
use crate::time::now;

static STACK: Once<Arc<Stack>> = Once::new();

/// Makes the stack and starts its NAPI threads. Called once, from the first task.
pub fn init() {
    let platform = platform::KernelPlatform::new();
    let stack = STACK.call_once(|| Stack::new(platform.clone()));
    platform.start_napi_threads(stack);
}

/// The stack everything happens in.
///
/// # Panics
/// Before [`init`], which runs before the first process.
#[must_use]
pub fn stack() -> &'static Arc<Stack> {
    STACK.get().expect("init runs before the first process")
}

/// The circumstances of a system call that enters the core now.
#[must_use]
pub fn enter() -> Cx<'static> {
    stack().enter(now())
}
