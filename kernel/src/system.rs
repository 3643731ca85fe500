//! The machine: what it is called, how much it has, random bytes, turning it off.

use linux_raw_sys::general as uapi;
use linux_raw_sys::system::new_utsname;
use ostd::power::{ExitCode, poweroff};

use crate::mm::{frames, user};
use crate::prelude::*;
use crate::process::{Capability, Thread, UTS_LEN, tree};
use crate::syscall::{Args, Call};
use crate::time::now;
use crate::{random, sched};

/// The part of the system call table this module answers.
pub const CALLS: &[(u32, Call)] = &[
    (uapi::__NR_uname, Call::new(uname)),
    (uapi::__NR_sethostname, Call::new(sethostname)),
    (uapi::__NR_setdomainname, Call::new(setdomainname)),
    (uapi::__NR_sysinfo, Call::new(sysinfo)),
    (uapi::__NR_getrandom, Call::new(getrandom)),
    (uapi::__NR_reboot, Call::new(reboot)),
];

/// The release of Linux whose interface this kernel offers.
pub const RELEASE: &str = "6.1.0-warren";
/// What uname(2) calls the build.
pub const VERSION: &str = concat!("Warren ", env!("CARGO_PKG_VERSION"));

fn uname(thread: &Arc<Thread>, [to, ..]: Args) -> Result<usize> {
    const FIELD: usize = UTS_LEN + 1;
    let (host, domain) = thread.ns()?.uts.names();
    let mut bytes = alloc::vec![0; size_of::<new_utsname>()];
    let fields =
        [b"Linux", &host[..], RELEASE.as_bytes(), VERSION.as_bytes(), b"x86_64", &domain[..]];
    for (index, field) in fields.into_iter().enumerate() {
        bytes[index * FIELD..][..field.len()].copy_from_slice(field);
    }
    user::write_bytes(to, &bytes)?;
    Ok(0)
}

fn read_name(thread: &Thread, addr: usize, len: usize) -> Result<Vec<u8>> {
    thread.credentials().require(Capability::SysAdmin)?;
    if len > UTS_LEN {
        return Err(Errno::EINVAL);
    }
    let mut name = alloc::vec![0; len];
    user::read_bytes(addr, &mut name)?;
    Ok(name)
}

fn sethostname(thread: &Arc<Thread>, [addr, len, ..]: Args) -> Result<usize> {
    let name = read_name(thread, addr, len)?;
    thread.ns()?.uts.set_host(name);
    Ok(0)
}

fn setdomainname(thread: &Arc<Thread>, [addr, len, ..]: Args) -> Result<usize> {
    let name = read_name(thread, addr, len)?;
    thread.ns()?.uts.set_domain(name);
    Ok(0)
}

fn sysinfo(_thread: &Arc<Thread>, [to, ..]: Args) -> Result<usize> {
    /// `struct sysinfo` with 112 bytes: uptime, loads, memory, swap, processes, unit.
    const LEN: usize = 112;
    let mut bytes = [0; LEN];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, &(now().as_nanos() / 1_000_000_000).to_le_bytes());
    // Loads are fixed-point with 16 bits of fraction; there is no history, so all three
    // tell the present.
    let load = (sched::runnable() as u64) << 16;
    [8, 16, 24].into_iter().for_each(|at| put(at, &load.to_le_bytes()));
    put(32, &(frames::total_bytes() as u64).to_le_bytes());
    put(40, &(frames::free_bytes() as u64).to_le_bytes());
    put(80, &(tree::thread_count() as u16).to_le_bytes());
    put(104, &1_u32.to_le_bytes());
    user::write_bytes(to, &bytes)?;
    Ok(0)
}

fn getrandom(_thread: &Arc<Thread>, [to, len, flags, ..]: Args) -> Result<usize> {
    const CHUNK: usize = 256;
    let known = uapi::GRND_NONBLOCK | uapi::GRND_RANDOM | uapi::GRND_INSECURE;
    let flags = flags as u32;
    let both = uapi::GRND_RANDOM | uapi::GRND_INSECURE;
    if flags & !known != 0 || flags & both == both {
        return Err(Errno::EINVAL);
    }
    let len = len.min(user::MAX_TRANSFER);
    let mut chunk = [0; CHUNK];
    let mut done = 0;
    while done < len {
        let count = CHUNK.min(len - done);
        random::fill(&mut chunk[..count]);
        match user::write_bytes(to.wrapping_add(done), &chunk[..count]) {
            Ok(()) => done += count,
            Err(error) if done == 0 => return Err(error),
            Err(_) => break,
        }
    }
    Ok(done)
}

fn reboot(thread: &Arc<Thread>, [magic1, magic2, command, ..]: Args) -> Result<usize> {
    thread.credentials().require(Capability::SysBoot)?;
    let second = [
        uapi::LINUX_REBOOT_MAGIC2,
        uapi::LINUX_REBOOT_MAGIC2A,
        uapi::LINUX_REBOOT_MAGIC2B,
        uapi::LINUX_REBOOT_MAGIC2C,
    ];
    if magic1 as u32 != uapi::LINUX_REBOOT_MAGIC1 || !second.contains(&(magic2 as u32)) {
        return Err(Errno::EINVAL);
    }
    match command as u32 {
        // Under QEMU all of them end the machine: it is told not to reboot.
        uapi::LINUX_REBOOT_CMD_POWER_OFF
        | uapi::LINUX_REBOOT_CMD_HALT
        | uapi::LINUX_REBOOT_CMD_RESTART
        | uapi::LINUX_REBOOT_CMD_RESTART2 => {
            log::info!("power off, as process {} asked", thread.process().pid());
            poweroff(ExitCode::Success)
        }
        // There is no key combination to enable or disable.
        uapi::LINUX_REBOOT_CMD_CAD_ON | uapi::LINUX_REBOOT_CMD_CAD_OFF => Ok(0),
        _ => Err(Errno::EINVAL),
    }
}
