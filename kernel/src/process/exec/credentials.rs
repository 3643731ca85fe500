//! What execve(2) does to credentials: set-user-ID files, and capabilities
//! (capabilities(7), "Transformation of capabilities during execve()").

use super::program::Program;
use crate::fs::mount::MountFlags;
use crate::process::{CapabilitySet, Credentials, Thread};

/// The credentials of the new program.
pub(super) fn after_exec(thread: &Thread, program: &Program) -> Credentials {
    let old = thread.credentials();
    let mut new = Credentials::clone(&old);
    let (set_uid, set_gid) = file_ids(program);
    if !old.no_new_privs {
        if let Some(uid) = set_uid {
            new.uid.effective = uid;
        }
        if let Some(gid) = set_gid {
            new.gid.effective = gid;
        }
    }
    new.uid.saved = new.uid.effective;
    new.uid.fs = new.uid.effective;
    new.gid.saved = new.gid.effective;
    new.gid.fs = new.gid.effective;
    new.keep_caps = false;
    // Files here have no capabilities of their own; root's programs count as having all.
    let is_root = new.uid.effective == 0 || new.uid.real == 0;
    let changed = set_uid.is_some() || set_gid.is_some();
    if changed {
        new.ambient = CapabilitySet::empty();
    }
    if is_root {
        new.permitted = (old.inheritable | old.bounding) & CapabilitySet::FULL;
        new.permitted |= new.ambient;
    } else {
        new.permitted = new.ambient;
    }
    new.effective = if new.uid.effective == 0 { new.permitted } else { new.ambient };
    new
}

/// The user and group a set-user-ID or set-group-ID file gives. The group bit without
/// group execution means something else (mandatory locking).
fn file_ids(program: &Program) -> (Option<u32>, Option<u32>) {
    const SET_UID: u32 = 0o4000;
    const SET_GID: u32 = 0o2000;
    const GROUP_EXECUTE: u32 = 0o10;
    let path = program.image.file.path();
    if path.mount().flags().contains(MountFlags::NOSUID) {
        return (None, None);
    }
    let stat = path.inode().stat();
    let has = |bits| stat.permissions & bits == bits;
    (has(SET_UID).then_some(stat.uid), has(SET_GID | GROUP_EXECUTE).then_some(stat.gid))
}
