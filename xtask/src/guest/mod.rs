//! A machine in QEMU: what it boots, its console, what it says and how it ended.
//!
//! Two guests run the same programs: Warren, and Debian's Linux to compare with. Either way
//! `guest/init` is process 1, the console is the first serial port, the kernel's log goes
//! elsewhere, and ending well means QEMU's exit status 33: a reset, a panic or a crash of any
//! kind ends with something else.

mod boot;
mod cpio;
mod frames;
mod machine;
mod session;
mod stream;

pub(crate) use boot::{Boot, Plan};
pub(crate) use cpio::Tree;
pub(crate) use machine::{Guest, Machine, SUCCESS};
pub(crate) use session::{Ending, Event, Session};
pub(crate) use stream::{Chunk, Stream};
