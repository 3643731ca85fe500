//! devtmpfs, with a node for every device there is, and devpts, with a node for every
//! pseudo-terminal.

use spin::Once;

use super::inode::{Changes, Creator, DirEntry, FileSystem, Inode, NewNode};
use super::stat::{Device, Kind, Stat, StatFs};
use super::tmpfs::Tmpfs;
use crate::dev::{NODES, tty};
use crate::prelude::*;

/// Links that every system expects, as udev makes them.
const LINKS: &[(&str, &str)] = &[
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
];

/// The one devtmpfs, which every mount of it shows.
///
/// # Errors
/// `ENOSPC` or `ENOMEM` when it is first made.
pub fn devtmpfs() -> Result<Arc<dyn FileSystem>> {
    static DEVICES: Once<Arc<Tmpfs>> = Once::new();
    let devices = DEVICES.try_call_once(|| {
        let devices = Tmpfs::new("devtmpfs", b"mode=755")?;
        populate(&*devices.root())?;
        Ok::<_, Errno>(devices)
    })?;
    Ok(devices.clone())
}

fn populate(root: &dyn Inode) -> Result<()> {
    let by = |permissions| Creator { uid: 0, gid: 0, permissions };
    for node in NODES {
        let device = NewNode::CharDevice(node.device);
        root.create(node.name.as_bytes(), device, &by(node.permissions))?;
    }
    for (name, target) in LINKS {
        root.create(name.as_bytes(), NewNode::Symlink(target.as_bytes()), &by(0o777))?;
    }
    root.create(b"pts", NewNode::Directory, &by(0o755))?;
    root.create(b"shm", NewNode::Directory, &by(0o1777))?;
    Ok(())
}

const DEVPTS_MAGIC: u64 = 0x1cd1;
/// The group of terminals (`tty`), which mount(8) usually names.
const TTY_GROUP: u32 = 5;

/// The file system of pseudo-terminals.
pub struct DevPts {
    device: Device,
}

/// Makes an instance of devpts. All show the same terminals.
#[must_use]
pub fn devpts() -> Arc<dyn FileSystem> {
    Arc::new(DevPts { device: Device::anonymous() })
}

impl FileSystem for DevPts {
    fn name(&self) -> &'static str {
        "devpts"
    }

    fn root(&self) -> Arc<dyn Inode> {
        Arc::new(PtsRoot { device: self.device })
    }

    fn statfs(&self) -> StatFs {
        StatFs { magic: DEVPTS_MAGIC, ..StatFs::default() }
    }

    fn device(&self) -> Device {
        self.device
    }
}

struct PtsRoot {
    device: Device,
}

/// The node of /dev/ptmx, beside the terminals.
const PTMX_INO: u64 = 2;
/// The node of terminal 0.
const FIRST_INO: u64 = 3;

impl PtsRoot {
    fn node(&self, number: u32, uid: u32) -> PtsNode {
        let device = Device::new(tty::PTS_MAJOR, number);
        let stat = Stat {
            uid,
            gid: TTY_GROUP,
            rdev: device,
            ..Stat::new(self.device, FIRST_INO + u64::from(number), Kind::CharDevice, 0o620)
        };
        PtsNode { stat, number: Some(number) }
    }
}

impl Inode for PtsRoot {
    fn stat(&self) -> Stat {
        Stat::new(self.device, 1, Kind::Directory, 0o755)
    }

    fn lookup(&self, name: &[u8]) -> Result<Arc<dyn Inode>> {
        if name == b"ptmx" {
            let stat = Stat {
                rdev: Device::new(5, 2),
                ..Stat::new(self.device, PTMX_INO, Kind::CharDevice, 0o666)
            };
            return Ok(Arc::new(PtsNode { stat, number: None }));
        }
        let number = core::str::from_utf8(name).ok().and_then(|text| text.parse::<u32>().ok());
        let pairs = tty::pairs();
        let (number, uid) =
            pairs.into_iter().find(|pair| Some(pair.0) == number).ok_or(Errno::ENOENT)?;
        Ok(Arc::new(self.node(number, uid)))
    }

    fn readdir(&self, cursor: u64, each: &mut dyn FnMut(DirEntry<'_>) -> bool) -> Result<()> {
        // Cursor 2 is ptmx, and behind it the terminals by number.
        let kind = Kind::CharDevice;
        if cursor <= 2 && !each(DirEntry { name: b"ptmx", ino: PTMX_INO, kind, next: 3 }) {
            return Ok(());
        }
        for (number, _) in tty::pairs() {
            let at = 3 + u64::from(number);
            let name = alloc::format!("{number}");
            let ino = FIRST_INO + u64::from(number);
            if at >= cursor && !each(DirEntry { name: name.as_bytes(), ino, kind, next: at + 1 }) {
                break;
            }
        }
        Ok(())
    }
}

/// A terminal's node; it is current for as long as the terminal lives.
struct PtsNode {
    stat: Stat,
    number: Option<u32>,
}

impl Inode for PtsNode {
    fn stat(&self) -> Stat {
        self.stat
    }

    fn is_current(&self) -> bool {
        self.number.is_none_or(|own| tty::pairs().iter().any(|(number, _)| *number == own))
    }

    /// Terminals belong to who opened them; programs that ask for another owner or mode
    /// (grantpt(3)) ask for what is so anyway.
    fn change(&self, changes: &Changes) -> Result<()> {
        let same = changes.uid.is_none_or(|uid| uid == self.stat.uid)
            && changes.gid.is_none_or(|gid| gid == self.stat.gid)
            && changes.permissions.is_none_or(|bits| bits == self.stat.permissions);
        if same { Ok(()) } else { Err(Errno::EPERM) }
    }
}
