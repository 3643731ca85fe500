//! What a thread says about itself: prctl(2), arch_prctl(2) and the like.

use core::sync::atomic::Ordering;

use linux_raw_sys::prctl as pr;
use ostd::arch::cpu::context::{FsBase, GsBase};
use ostd::irq::disable_local;

use super::{Capability, CapabilitySet, Credentials, LAST_CAPABILITY, NAME_LEN, Thread};
use crate::mm::{USER_END, user};
use crate::prelude::*;
use crate::signal::Signal;
use crate::syscall::Args;

// arch/x86/include/uapi/asm/prctl.h
const ARCH_SET_GS: usize = 0x1001;
const ARCH_SET_FS: usize = 0x1002;
const ARCH_GET_FS: usize = 0x1003;
const ARCH_GET_GS: usize = 0x1004;

pub(super) fn set_tid_address(thread: &Arc<Thread>, [addr, ..]: Args) -> Result<usize> {
    thread.clear_child_tid.store(addr, Ordering::Relaxed);
    Ok(thread.tid() as usize)
}

/// The segment bases live in the processor while the thread runs.
pub(super) fn arch_prctl(_thread: &Arc<Thread>, [code, addr, ..]: Args) -> Result<usize> {
    // The processor refuses an address beyond user memory, in the kernel.
    let base = || if addr < USER_END { Ok(addr) } else { Err(Errno::EPERM) };
    match code {
        ARCH_SET_FS => FsBase::new(base()?).load(),
        ARCH_SET_GS => GsBase::new(base()?).load(&disable_local()),
        ARCH_GET_FS => {
            let mut fs = FsBase::default();
            fs.save();
            user::write_val(addr, &fs.addr())?;
        }
        ARCH_GET_GS => {
            let mut gs = GsBase::default();
            gs.save(&disable_local());
            user::write_val(addr, &gs.addr())?;
        }
        _ => return Err(Errno::EINVAL),
    }
    Ok(0)
}

/// personality(2): only Linux's own, without variations.
pub(super) fn personality(_thread: &Arc<Thread>, [persona, ..]: Args) -> Result<usize> {
    const QUERY: u32 = 0xffff_ffff;
    match persona as u32 {
        QUERY | 0 => Ok(0),
        _ => Err(Errno::EINVAL),
    }
}

fn set(thread: &Thread, change: impl FnOnce(&mut Credentials)) -> Result<usize> {
    let mut credentials = Credentials::clone(&thread.credentials());
    change(&mut credentials);
    thread.set_credentials(credentials);
    Ok(0)
}

fn flag(value: usize) -> Result<bool> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Errno::EINVAL),
    }
}

fn capability(number: usize) -> Result<CapabilitySet> {
    if number as u64 > u64::from(LAST_CAPABILITY) {
        return Err(Errno::EINVAL);
    }
    Ok(CapabilitySet::from_bits_retain(1 << number))
}

pub(super) fn prctl(
    thread: &Arc<Thread>,
    [option, arg, arg3, arg4, arg5, _]: Args,
) -> Result<usize> {
    let own = thread.credentials();
    let process = thread.process();
    let unused = |args: &[usize]| {
        if args.iter().all(|&arg| arg == 0) { Ok(()) } else { Err(Errno::EINVAL) }
    };
    match option as u32 {
        pr::PR_SET_NAME => {
            let name = match user::read_cstr(arg, NAME_LEN - 1) {
                Err(Errno::ENAMETOOLONG) => {
                    let mut name = [0; NAME_LEN - 1];
                    user::read_bytes(arg, &mut name)?;
                    name.to_vec()
                }
                name => name?,
            };
            thread.set_name(&name);
        }
        pr::PR_GET_NAME => user::write_bytes(arg, &thread.raw_name())?,
        pr::PR_SET_PDEATHSIG => {
            let signal = match arg {
                0 => None,
                number => Some(Signal::from_number(number).ok_or(Errno::EINVAL)?),
            };
            process.set_parent_death_signal(signal);
        }
        pr::PR_GET_PDEATHSIG => {
            let signal = process.parent_death_signal().map_or(0, Signal::number);
            user::write_val(arg, &signal)?;
        }
        pr::PR_SET_DUMPABLE => {
            process.dumpable.store(i32::from(flag(arg)?), Ordering::Relaxed);
        }
        pr::PR_GET_DUMPABLE => return Ok(process.dumpable.load(Ordering::Relaxed) as usize),
        pr::PR_SET_KEEPCAPS => {
            let keep = flag(arg)?;
            return set(thread, |own| own.keep_caps = keep);
        }
        pr::PR_GET_KEEPCAPS => return Ok(usize::from(own.keep_caps)),
        pr::PR_SET_NO_NEW_PRIVS => {
            if arg != 1 {
                return Err(Errno::EINVAL);
            }
            unused(&[arg3, arg4, arg5])?;
            return set(thread, |own| own.no_new_privs = true);
        }
        pr::PR_GET_NO_NEW_PRIVS => {
            unused(&[arg, arg3, arg4, arg5])?;
            return Ok(usize::from(own.no_new_privs));
        }
        pr::PR_CAPBSET_READ => return Ok(usize::from(own.bounding.contains(capability(arg)?))),
        pr::PR_CAPBSET_DROP => {
            let dropped = capability(arg)?;
            own.require(Capability::Setpcap)?;
            return set(thread, |own| own.bounding -= dropped);
        }
        pr::PR_CAP_AMBIENT => return ambient(thread, &own, [arg, arg3, arg4, arg5]),
        pr::PR_GET_TIMERSLACK => return Ok(50_000),
        _ => return Err(Errno::EINVAL),
    }
    Ok(0)
}

fn ambient(
    thread: &Thread,
    own: &Credentials,
    [operation, number, arg4, arg5]: [usize; 4],
) -> Result<usize> {
    if arg4 != 0 || arg5 != 0 {
        return Err(Errno::EINVAL);
    }
    let operation = operation as u32;
    if operation == pr::PR_CAP_AMBIENT_CLEAR_ALL {
        if number != 0 {
            return Err(Errno::EINVAL);
        }
        return set(thread, |own| own.ambient = CapabilitySet::empty());
    }
    let one = capability(number)?;
    match operation {
        pr::PR_CAP_AMBIENT_IS_SET => Ok(usize::from(own.ambient.contains(one))),
        pr::PR_CAP_AMBIENT_RAISE if (own.permitted & own.inheritable).contains(one) => {
            set(thread, |own| own.ambient |= one)
        }
        pr::PR_CAP_AMBIENT_RAISE => Err(Errno::EPERM),
        pr::PR_CAP_AMBIENT_LOWER => set(thread, |own| own.ambient -= one),
        _ => Err(Errno::EINVAL),
    }
}
