//! ioctl(2) on sockets: the old way to look at links and to change them.
//!
//! Links can be asked about through a socket of any family ([`device`]); IPv4 addresses and
//! routes only through AF_INET ones ([`address`], [`route`]); bridges have calls of their own
//! ([`bridge`]). What is not known here answers ENOTTY.

mod address;
mod bridge;
mod device;
mod ifreq;
mod route;
#[cfg(test)]
mod tests;

use alloc::sync::Arc;

use warren_netns::{Cx, Namespace};

use crate::abi::{
    SIOCADDRT, SIOCBRADDBR, SIOCBRADDIF, SIOCBRDELBR, SIOCBRDELIF, SIOCDELRT, SIOCGIFADDR,
    SIOCGIFBRDADDR, SIOCGIFCONF, SIOCGIFDSTADDR, SIOCGIFNETMASK, SIOCSIFADDR, SIOCSIFBRDADDR,
    SIOCSIFDSTADDR, SIOCSIFFLAGS, SIOCSIFNETMASK,
};
use crate::cred::Caller;
use crate::errno::Errno;

pub(crate) use address::mask;

/// The caller's memory, for arguments that hold pointers.
pub trait UserMemory {
    /// Fills `into` from `address`.
    ///
    /// # Errors
    /// EFAULT if it cannot be read.
    fn read(&self, address: usize, into: &mut [u8]) -> Result<(), Errno>;

    /// Writes `bytes` to `address`.
    ///
    /// # Errors
    /// EFAULT if it cannot be written.
    fn write(&self, address: usize, bytes: &[u8]) -> Result<(), Errno>;
}

/// One ioctl call on its way to an answer.
pub(crate) struct Call<'a> {
    pub(crate) ns: &'a Arc<Namespace>,
    pub(crate) command: u32,
    pub(crate) argument: usize,
    pub(crate) memory: &'a dyn UserMemory,
    pub(crate) caller: &'a dyn Caller,
    pub(crate) cx: &'a Cx<'a>,
}

impl Call<'_> {
    pub(crate) fn read<const N: usize>(&self) -> Result<[u8; N], Errno> {
        let mut bytes = [0; N];
        self.memory.read(self.argument, &mut bytes)?;
        Ok(bytes)
    }

    pub(crate) fn write(&self, bytes: &[u8]) -> Result<i32, Errno> {
        self.memory.write(self.argument, bytes)?;
        Ok(0)
    }
}

/// Answers what every socket answers; `inet` is set for AF_INET ones.
pub(crate) fn answer(call: &Call<'_>, inet: bool) -> Result<i32, Errno> {
    match call.command {
        SIOCADDRT | SIOCDELRT if inet => route::change(call),
        SIOCGIFADDR | SIOCGIFBRDADDR | SIOCGIFDSTADDR | SIOCGIFNETMASK if inet => {
            address::get(call)
        }
        SIOCSIFADDR | SIOCSIFBRDADDR | SIOCSIFDSTADDR | SIOCSIFNETMASK if inet => {
            address::set(call)
        }
        SIOCSIFFLAGS if inet => address::set_flags(call),
        SIOCGIFCONF => address::list(call),
        SIOCBRADDBR | SIOCBRDELBR | SIOCBRADDIF | SIOCBRDELIF => bridge::change(call),
        _ => device::answer(call),
    }
}
