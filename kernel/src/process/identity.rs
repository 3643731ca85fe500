//! Changing who a thread acts for: the set*id(2) calls and capset(2), with what they do
//! to capabilities (capabilities(7), "Effect of user ID changes on capabilities").

use linux_raw_sys::general as uapi;

use super::{Capability, CapabilitySet, Credentials, Ids, Thread, tree};
use crate::mm::user;
use crate::prelude::*;
use crate::syscall::Args;

/// The most supplementary groups, `NGROUPS_MAX`.
const MAX_GROUPS: usize = 65_536;
/// The argument that leaves an id as it is.
const UNCHANGED: u32 = u32::MAX;

/// What a change of user ids does to capabilities.
fn adjust_capabilities(old: &Credentials, new: &mut Credentials) {
    let had_root = [old.uid.real, old.uid.effective, old.uid.saved].contains(&0);
    let has_root = [new.uid.real, new.uid.effective, new.uid.saved].contains(&0);
    if had_root && !has_root {
        if !new.keep_caps {
            new.permitted = CapabilitySet::empty();
            new.effective = CapabilitySet::empty();
        }
        new.ambient = CapabilitySet::empty();
    }
    if old.uid.effective == 0 && new.uid.effective != 0 {
        new.effective = CapabilitySet::empty();
    }
    if old.uid.effective != 0 && new.uid.effective == 0 {
        new.effective = new.permitted;
    }
    adjust_fs_capabilities(old.uid.fs, new);
}

/// What a change of the file system user id does to the capabilities on files.
fn adjust_fs_capabilities(old: u32, new: &mut Credentials) {
    let on_files = [
        Capability::Chown,
        Capability::DacOverride,
        Capability::DacReadSearch,
        Capability::Fowner,
        Capability::Fsetid,
        Capability::Mknod,
    ];
    let set = on_files
        .into_iter()
        .map(CapabilitySet::from)
        .fold(CapabilitySet::empty(), |set, capability| set | capability);
    if old == 0 && new.uid.fs != 0 {
        new.effective -= set;
    }
    if old != 0 && new.uid.fs == 0 {
        new.effective |= new.permitted & set;
    }
}

/// Gives the thread changed credentials.
fn change(
    thread: &Thread,
    change: impl FnOnce(&Credentials, &mut Credentials) -> Result<()>,
) -> Result<usize> {
    let old = thread.credentials();
    let mut new = Credentials::clone(&old);
    change(&old, &mut new)?;
    thread.set_credentials(new);
    Ok(0)
}

fn valid(id: usize) -> Result<u32> {
    let id = id as u32;
    if id == UNCHANGED { Err(Errno::EINVAL) } else { Ok(id) }
}

/// setuid(2) and setgid(2): all ids with privilege, else the effective one.
fn set_id(ids: &Ids, id: u32, privileged: bool) -> Result<Ids> {
    if privileged {
        Ok(Ids { real: id, effective: id, saved: id, fs: id })
    } else if id == ids.real || id == ids.saved {
        Ok(Ids { effective: id, fs: id, ..*ids })
    } else {
        Err(Errno::EPERM)
    }
}

/// setreuid(2) and setregid(2).
fn set_re_id(ids: &Ids, real: u32, effective: u32, privileged: bool) -> Result<Ids> {
    let real_ok = [UNCHANGED, ids.real, ids.effective].contains(&real);
    let effective_ok = [UNCHANGED, ids.real, ids.effective, ids.saved].contains(&effective);
    if !privileged && !(real_ok && effective_ok) {
        return Err(Errno::EPERM);
    }
    let keep = |id, old| if id == UNCHANGED { old } else { id };
    let mut new =
        Ids { real: keep(real, ids.real), effective: keep(effective, ids.effective), ..*ids };
    if real != UNCHANGED || (effective != UNCHANGED && effective != ids.real) {
        new.saved = new.effective;
    }
    new.fs = new.effective;
    Ok(new)
}

/// setresuid(2) and setresgid(2).
fn set_res_id(ids: &Ids, wanted: [u32; 3], privileged: bool) -> Result<Ids> {
    let own = [UNCHANGED, ids.real, ids.effective, ids.saved];
    if !privileged && wanted.iter().any(|id| !own.contains(id)) {
        return Err(Errno::EPERM);
    }
    let keep = |id, old| if id == UNCHANGED { old } else { id };
    let [real, effective, saved] = wanted;
    let effective = keep(effective, ids.effective);
    Ok(Ids { real: keep(real, ids.real), effective, saved: keep(saved, ids.saved), fs: effective })
}

pub(super) fn setuid(thread: &Arc<Thread>, [id, ..]: Args) -> Result<usize> {
    let id = valid(id)?;
    change(thread, |old, new| {
        new.uid = set_id(&old.uid, id, old.has(Capability::Setuid))?;
        adjust_capabilities(old, new);
        Ok(())
    })
}

pub(super) fn setgid(thread: &Arc<Thread>, [id, ..]: Args) -> Result<usize> {
    let id = valid(id)?;
    change(thread, |old, new| {
        new.gid = set_id(&old.gid, id, old.has(Capability::Setgid))?;
        Ok(())
    })
}

pub(super) fn setreuid(thread: &Arc<Thread>, [real, effective, ..]: Args) -> Result<usize> {
    change(thread, |old, new| {
        let privileged = old.has(Capability::Setuid);
        new.uid = set_re_id(&old.uid, real as u32, effective as u32, privileged)?;
        adjust_capabilities(old, new);
        Ok(())
    })
}

pub(super) fn setregid(thread: &Arc<Thread>, [real, effective, ..]: Args) -> Result<usize> {
    change(thread, |old, new| {
        let privileged = old.has(Capability::Setgid);
        new.gid = set_re_id(&old.gid, real as u32, effective as u32, privileged)?;
        Ok(())
    })
}

pub(super) fn setresuid(thread: &Arc<Thread>, [real, effective, saved, ..]: Args) -> Result<usize> {
    change(thread, |old, new| {
        let wanted = [real, effective, saved].map(|id| id as u32);
        new.uid = set_res_id(&old.uid, wanted, old.has(Capability::Setuid))?;
        adjust_capabilities(old, new);
        Ok(())
    })
}

pub(super) fn setresgid(thread: &Arc<Thread>, [real, effective, saved, ..]: Args) -> Result<usize> {
    change(thread, |old, new| {
        let wanted = [real, effective, saved].map(|id| id as u32);
        new.gid = set_res_id(&old.gid, wanted, old.has(Capability::Setgid))?;
        Ok(())
    })
}

/// setfsuid(2): never fails, and gives the id before.
pub(super) fn setfsuid(thread: &Arc<Thread>, [id, ..]: Args) -> Result<usize> {
    let (id, old) = (id as u32, thread.credentials());
    let own = [old.uid.real, old.uid.effective, old.uid.saved, old.uid.fs];
    if id != UNCHANGED && (own.contains(&id) || old.has(Capability::Setuid)) {
        let mut new = Credentials::clone(&old);
        new.uid.fs = id;
        adjust_fs_capabilities(old.uid.fs, &mut new);
        thread.set_credentials(new);
    }
    Ok(old.uid.fs as usize)
}

/// setfsgid(2): never fails, and gives the id before.
pub(super) fn setfsgid(thread: &Arc<Thread>, [id, ..]: Args) -> Result<usize> {
    let (id, old) = (id as u32, thread.credentials());
    let own = [old.gid.real, old.gid.effective, old.gid.saved, old.gid.fs];
    if id != UNCHANGED && (own.contains(&id) || old.has(Capability::Setgid)) {
        let mut new = Credentials::clone(&old);
        new.gid.fs = id;
        thread.set_credentials(new);
    }
    Ok(old.gid.fs as usize)
}

pub(super) fn getuid(thread: &Arc<Thread>, _args: Args) -> Result<usize> {
    Ok(thread.credentials().uid.real as usize)
}

pub(super) fn geteuid(thread: &Arc<Thread>, _args: Args) -> Result<usize> {
    Ok(thread.credentials().uid.effective as usize)
}

pub(super) fn getgid(thread: &Arc<Thread>, _args: Args) -> Result<usize> {
    Ok(thread.credentials().gid.real as usize)
}

pub(super) fn getegid(thread: &Arc<Thread>, _args: Args) -> Result<usize> {
    Ok(thread.credentials().gid.effective as usize)
}

fn write_ids(ids: &Ids, [real, effective, saved, ..]: Args) -> Result<usize> {
    user::write_val(real, &ids.real)?;
    user::write_val(effective, &ids.effective)?;
    user::write_val(saved, &ids.saved)?;
    Ok(0)
}

pub(super) fn getresuid(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    write_ids(&thread.credentials().uid, args)
}

pub(super) fn getresgid(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    write_ids(&thread.credentials().gid, args)
}

pub(super) fn getgroups(thread: &Arc<Thread>, [size, list, ..]: Args) -> Result<usize> {
    let own = thread.credentials();
    let count = own.groups.len();
    match size as i32 {
        0 => return Ok(count),
        size if size < 0 || (size as usize) < count => return Err(Errno::EINVAL),
        _ => {}
    }
    let bytes: Vec<u8> = own.groups.iter().flat_map(|group| group.to_le_bytes()).collect();
    user::write_bytes(list, &bytes)?;
    Ok(count)
}

pub(super) fn setgroups(thread: &Arc<Thread>, [size, list, ..]: Args) -> Result<usize> {
    thread.credentials().require(Capability::Setgid)?;
    if size > MAX_GROUPS {
        return Err(Errno::EINVAL);
    }
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(size * 4).map_err(|_| Errno::ENOMEM)?;
    bytes.resize(size * 4, 0);
    user::read_bytes(list, &mut bytes)?;
    let (words, _) = bytes.as_chunks::<4>();
    let mut groups: Vec<u32> = words.iter().map(|word| u32::from_le_bytes(*word)).collect();
    groups.sort_unstable();
    change(thread, |_, new| {
        new.groups = groups;
        Ok(())
    })
}

/// How many 32-bit halves the sets have in each version of the capability ABI.
fn halves(version: u32) -> Option<usize> {
    match version {
        uapi::_LINUX_CAPABILITY_VERSION_1 => Some(1),
        uapi::_LINUX_CAPABILITY_VERSION_2 | uapi::_LINUX_CAPABILITY_VERSION_3 => Some(2),
        _ => None,
    }
}

/// Reads the header of capget(2) and capset(2). A version it does not know is replaced
/// by the one to use.
fn read_header(header: usize) -> Result<(Option<usize>, i32)> {
    let [version, pid] = user::read_val::<[u32; 2]>(header)?;
    let halves = halves(version);
    if halves.is_none() {
        user::write_val(header, &uapi::_LINUX_CAPABILITY_VERSION_3)?;
    }
    Ok((halves, pid as i32))
}

pub(super) fn capget(thread: &Arc<Thread>, [header, data, ..]: Args) -> Result<usize> {
    let (halves, pid) = read_header(header)?;
    let Some(halves) = halves else {
        // Asking for the version this way is not an error.
        return if data == 0 { Ok(0) } else { Err(Errno::EINVAL) };
    };
    let own = match pid {
        0 => thread.credentials(),
        pid if pid < 0 => return Err(Errno::EINVAL),
        pid => tree::thread(pid).ok_or(Errno::ESRCH)?.credentials(),
    };
    if data == 0 {
        return Ok(0);
    }
    for half in 0..halves {
        let part = |set: CapabilitySet| (set.bits() >> (32 * half)) as u32;
        let words = [part(own.effective), part(own.permitted), part(own.inheritable)];
        user::write_val(data.wrapping_add(12 * half), &words)?;
    }
    Ok(0)
}

pub(super) fn capset(thread: &Arc<Thread>, [header, data, ..]: Args) -> Result<usize> {
    let (halves, pid) = read_header(header)?;
    let halves = halves.ok_or(Errno::EINVAL)?;
    if pid != 0 && pid != thread.tid() {
        return Err(Errno::EPERM);
    }
    let mut sets = [0_u64; 3];
    for half in 0..halves {
        let words = user::read_val::<[u32; 3]>(data.wrapping_add(12 * half))?;
        for (set, word) in sets.iter_mut().zip(words) {
            *set |= u64::from(word) << (32 * half);
        }
    }
    let [effective, permitted, inheritable] =
        sets.map(|bits| CapabilitySet::from_bits_retain(bits) & CapabilitySet::FULL);
    change(thread, |old, new| {
        let raised_inheritable = inheritable - (old.inheritable | old.permitted);
        let beyond_bounding = inheritable - (old.inheritable | old.bounding);
        let may_raise = old.has(Capability::Setpcap) || raised_inheritable.is_empty();
        let allowed = may_raise
            && beyond_bounding.is_empty()
            && old.permitted.contains(permitted)
            && permitted.contains(effective);
        if !allowed {
            return Err(Errno::EPERM);
        }
        new.effective = effective;
        new.permitted = permitted;
        new.inheritable = inheritable;
        new.ambient &= permitted & inheritable;
        Ok(())
    })
}
