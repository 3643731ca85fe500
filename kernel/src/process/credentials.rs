//! Who a thread acts for: user and group ids, and capabilities (credentials(7),
//! capabilities(7)).

use bitflags::bitflags;

use crate::prelude::*;

bitflags! {
    /// A set of capabilities; bit numbers from include/uapi/linux/capability.h.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
    pub struct CapabilitySet: u64 {
        /// Every capability there is, `CAP_CHOWN` to `CAP_CHECKPOINT_RESTORE`.
        const FULL = (1 << 41) - 1;
    }
}

/// One capability, by its number.
#[allow(missing_docs, dead_code, reason = "the list is that of capabilities(7)")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Capability {
    Chown = 0,
    DacOverride = 1,
    DacReadSearch = 2,
    Fowner = 3,
    Fsetid = 4,
    Kill = 5,
    Setgid = 6,
    Setuid = 7,
    Setpcap = 8,
    NetBindService = 10,
    NetBroadcast = 11,
    NetAdmin = 12,
    NetRaw = 13,
    SysChroot = 18,
    SysAdmin = 21,
    SysBoot = 22,
    SysNice = 23,
    SysResource = 24,
    SysTime = 25,
    SysTtyConfig = 26,
    Mknod = 27,
    Setfcap = 31,
}

/// The number of the last capability Linux 6.1 knows.
pub const LAST_CAPABILITY: u32 = 40;

impl From<Capability> for CapabilitySet {
    fn from(capability: Capability) -> Self {
        Self::from_bits_retain(1 << capability as u8)
    }
}

/// A user or group id in its four parts: real, effective, saved, and for files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Ids {
    /// Whose the process is.
    pub real: u32,
    /// With whose rights it acts.
    pub effective: u32,
    /// What it may become again.
    pub saved: u32,
    /// With whose rights it opens files.
    pub fs: u32,
}

/// The credentials of a thread. Never changed in place: a thread gets new ones.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// User ids.
    pub uid: Ids,
    /// Group ids.
    pub gid: Ids,
    /// Supplementary groups.
    pub groups: Vec<u32>,
    /// What may be done now.
    pub effective: CapabilitySet,
    /// What may be made effective.
    pub permitted: CapabilitySet,
    /// What is kept across execve, with files that allow it.
    pub inheritable: CapabilitySet,
    /// What execve may grant at most.
    pub bounding: CapabilitySet,
    /// What is kept across execve of ordinary files.
    pub ambient: CapabilitySet,
    /// Whether permitted capabilities outlive leaving uid 0 (`PR_SET_KEEPCAPS`).
    pub keep_caps: bool,
    /// `PR_SET_NO_NEW_PRIVS`: execve grants nothing.
    pub no_new_privs: bool,
}

impl Credentials {
    /// The superuser's, with every capability: those of process 1.
    #[must_use]
    pub fn root() -> Self {
        Self {
            uid: Ids::default(),
            gid: Ids::default(),
            groups: Vec::new(),
            effective: CapabilitySet::FULL,
            permitted: CapabilitySet::FULL,
            inheritable: CapabilitySet::empty(),
            bounding: CapabilitySet::FULL,
            ambient: CapabilitySet::empty(),
            keep_caps: false,
            no_new_privs: false,
        }
    }

    /// Whether `capability` is effective.
    #[must_use]
    pub fn has(&self, capability: Capability) -> bool {
        self.effective.contains(capability.into())
    }

    /// `EPERM` unless `capability` is effective.
    ///
    /// # Errors
    /// `EPERM`.
    pub fn require(&self, capability: Capability) -> Result<()> {
        if self.has(capability) { Ok(()) } else { Err(Errno::EPERM) }
    }

    /// Whether files see this thread as a member of `group`.
    #[must_use]
    pub fn in_group(&self, group: u32) -> bool {
        self.gid.fs == group || self.groups.contains(&group)
    }
}
