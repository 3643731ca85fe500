//! Namespaces as files (namespaces(7)): what /proc/PID/ns/NAME leads to, what a bind
//! mount of it keeps alive, and what setns(2) takes.

use alloc::format;
use core::any::Any;
use core::sync::atomic::{AtomicU64, Ordering};

use spin::Once;

use super::file::{File, OpenFile};
use super::inode::Inode;
use super::mount::{InternalFs, Mount, Path, anonymous_path, internal_mount};
use super::stat::{Kind, Stat};
use crate::mm::user;
use crate::prelude::*;
use crate::process::initial_namespace;

/// `NSFS_MAGIC`: how tools recognise a namespace's file.
pub const NSFS_MAGIC: u64 = 0x6e73_6673;

// include/uapi/linux/nsfs.h
const NS_GET_USERNS: u32 = 0xb701;
const NS_GET_PARENT: u32 = 0xb702;
const NS_GET_NSTYPE: u32 = 0xb703;
const NS_GET_OWNER_UID: u32 = 0xb704;

/// What kind of namespace; the values are the CLONE_NEW* flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum NsKind {
    /// Mounts.
    Mount = 0x0002_0000,
    /// Control groups.
    Cgroup = 0x0200_0000,
    /// Host names.
    Uts = 0x0400_0000,
    /// System V and POSIX message queues.
    Ipc = 0x0800_0000,
    /// User and group ids.
    User = 0x1000_0000,
    /// Process ids.
    Pid = 0x2000_0000,
    /// The network.
    Net = 0x4000_0000,
}

impl NsKind {
    /// The name under /proc/PID/ns.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mount => "mnt",
            Self::Cgroup => "cgroup",
            Self::Uts => "uts",
            Self::Ipc => "ipc",
            Self::User => "user",
            Self::Pid => "pid",
            Self::Net => "net",
        }
    }
}

/// A namespace that files can pin.
pub trait NsObject: Send + Sync + 'static {
    /// What kind it is.
    fn kind(&self) -> NsKind;

    /// Its number, from [`next_namespace_ino`]; the same for as long as it lives.
    fn ino(&self) -> u64;

    /// Its concrete type, for setns(2): `into_any().downcast::<Namespace>()`.
    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;

    /// The user namespace that owns it, for NS_GET_USERNS.
    ///
    /// # Errors
    /// `EPERM` if that is outside the caller's reach.
    fn owner(&self) -> Result<Arc<dyn NsObject>> {
        Ok(initial_namespace(NsKind::User))
    }

    /// The namespace above it, for NS_GET_PARENT.
    ///
    /// # Errors
    /// `EINVAL` for kinds without hierarchy; `EPERM` if that is outside the caller's reach.
    fn parent(&self) -> Result<Arc<dyn NsObject>> {
        Err(Errno::EINVAL)
    }

    /// The user that made a user namespace, for NS_GET_OWNER_UID.
    ///
    /// # Errors
    /// `EINVAL` for other kinds.
    fn owner_uid(&self) -> Result<u32> {
        Err(Errno::EINVAL)
    }
}

/// A number for a new namespace. Linux starts its first ones at the same value
/// (include/linux/proc_ns.h `PROC_DYNAMIC_FIRST`).
#[must_use]
pub fn next_namespace_ino() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0xf000_0000);
    LAST.fetch_add(1, Ordering::Relaxed)
}

struct NsInode {
    stat: Stat,
    object: Arc<dyn NsObject>,
}

impl Inode for NsInode {
    fn stat(&self) -> Stat {
        self.stat
    }

    fn open(self: Arc<Self>) -> Result<Box<dyn File>> {
        Ok(Box::new(NsFile { object: self.object.clone() }))
    }
}

/// An open namespace. It pins the namespace until the last descriptor is closed.
pub struct NsFile {
    object: Arc<dyn NsObject>,
}

impl File for NsFile {
    fn ioctl(&self, request: u32, arg: usize) -> Result<usize> {
        match request {
            NS_GET_NSTYPE => Ok(self.object.kind() as usize),
            NS_GET_USERNS => open_in_current(self.object.owner()?),
            NS_GET_PARENT => open_in_current(self.object.parent()?),
            NS_GET_OWNER_UID => {
                user::write_val(arg, &self.object.owner_uid()?)?;
                Ok(0)
            }
            _ => Err(Errno::ENOTTY),
        }
    }
}

/// The path of a namespace's file: where the magic links in /proc/PID/ns lead.
#[must_use]
pub fn namespace_path(object: Arc<dyn NsObject>) -> Path {
    static MOUNT: Once<Arc<Mount>> = Once::new();
    let mount = MOUNT.call_once(|| internal_mount(InternalFs::new("nsfs", NSFS_MAGIC)));
    let name = namespace_name(&*object);
    let stat = Stat::new(mount.file_system().device(), object.ino(), Kind::Regular, 0o444);
    anonymous_path(mount, Arc::new(NsInode { stat, object }), &name)
}

/// What reading the link says: `net:[4026531840]`.
#[must_use]
pub fn namespace_name(object: &dyn NsObject) -> Vec<u8> {
    format!("{}:[{}]", object.kind().name(), object.ino()).into_bytes()
}

/// Opens a namespace's file, as a descriptor made from it needs.
///
/// # Errors
/// None of its own.
pub fn open_namespace(object: Arc<dyn NsObject>) -> Result<Arc<OpenFile>> {
    let path = namespace_path(object);
    let file = path.inode().clone().open()?;
    Ok(OpenFile::new(path, file, super::file::OpenFlags::empty()))
}

/// The namespace behind an open file, if it is one.
#[must_use]
pub fn namespace_of(file: &OpenFile) -> Option<Arc<dyn NsObject>> {
    file.downcast::<NsFile>().map(|file| file.object.clone())
}

fn open_in_current(object: Arc<dyn NsObject>) -> Result<usize> {
    let files = crate::process::current().files()?;
    Ok(files.insert(open_namespace(object)?, true)? as usize)
}
