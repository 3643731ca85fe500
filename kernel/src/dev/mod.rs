//! Character devices: what the nodes in /dev lead to, by number
//! (Documentation/admin-guide/devices.txt).

mod memory;
mod serial;
pub mod tty;

use crate::fs::mount::Path;
use crate::fs::stat::Device;
use crate::fs::{File, OpenFile, OpenFlags};
use crate::prelude::*;

pub use serial::init;

/// A device node of /dev: name, number and permissions.
pub struct Node {
    /// Path below /dev.
    pub name: &'static str,
    /// The device.
    pub device: Device,
    /// Permission bits.
    pub permissions: u32,
}

const fn node(name: &'static str, major: u32, minor: u32, permissions: u32) -> Node {
    Node { name, device: Device::new(major, minor), permissions }
}

/// The devices there are, as devtmpfs shows them.
pub const NODES: &[Node] = &[
    node("null", 1, 3, 0o666),
    node("zero", 1, 5, 0o666),
    node("full", 1, 7, 0o666),
    node("random", 1, 8, 0o666),
    node("urandom", 1, 9, 0o666),
    node("kmsg", 1, 11, 0o644),
    node("ttyS0", 4, 64, 0o660),
    node("tty", 5, 0, 0o666),
    node("console", 5, 1, 0o600),
    node("ptmx", 5, 2, 0o666),
];

/// Opens the character device with number `device`, reached through `path`.
///
/// # Errors
/// `ENXIO` if there is none.
pub fn open_char(device: Device, path: Path, flags: OpenFlags) -> Result<Arc<OpenFile>> {
    let file: Box<dyn File> = match (device.major, device.minor) {
        (1, 3) => Box::new(memory::Null),
        (1, 5) => Box::new(memory::Zero),
        (1, 7) => Box::new(memory::Full),
        (1, 8 | 9) => Box::new(memory::Random),
        (1, 11) => Box::new(memory::Kmsg),
        (4, 64) => Box::new(tty::TtyFile::open(serial::console()?, flags)),
        // Opening the console never makes it a controlling terminal (tty_io.c).
        (5, 1) => Box::new(tty::TtyFile::open(serial::console()?, OpenFlags::NOCTTY)),
        (5, 0) => Box::new(tty::TtyFile::open(tty::controlling()?, OpenFlags::NOCTTY)),
        (5, 2) => return tty::open_ptmx(path, flags),
        (136, minor) => Box::new(tty::open_pts(minor, flags)?),
        _ => return Err(Errno::ENXIO),
    };
    Ok(OpenFile::new(path, file, flags))
}

/// Opens the console where no node leads to it, as process 1 needs it.
///
/// # Errors
/// `ENXIO` before [`init`].
pub fn open_console() -> Result<Arc<OpenFile>> {
    let file = tty::TtyFile::open(serial::console()?, OpenFlags::NOCTTY);
    Ok(crate::fs::anon::open_anonymous("[console]", Box::new(file), OpenFlags::RDWR))
}
