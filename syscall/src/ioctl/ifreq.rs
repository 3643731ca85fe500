//! `struct ifreq` (include/uapi/linux/if.h): 16 bytes of name, 24 bytes of union.

use alloc::sync::Arc;
use core::net::Ipv4Addr;

use warren_netns::{Link, Namespace};

use crate::abi::AF_INET;
use crate::errno::Errno;

/// `sizeof(struct ifreq)`.
pub(super) const LEN: usize = 40;
const NAME: usize = 16;

/// A request as the caller's memory holds it.
#[derive(Clone, Copy, Debug)]
pub(super) struct IfReq(pub(super) [u8; LEN]);

impl IfReq {
    /// The name up to its terminator, which Linux puts into the last byte if it is missing.
    pub(super) fn name(&self) -> &[u8] {
        c_string(&self.0[..NAME - 1])
    }

    /// The name up to the colon of an alias (`eth0:1`), and whether there was one.
    pub(super) fn device_name(&self) -> (&[u8], bool) {
        let name = self.name();
        match name.iter().position(|byte| *byte == b':') {
            Some(colon) => (&name[..colon], true),
            None => (name, false),
        }
    }

    /// The link the request names.
    pub(super) fn link(&self, ns: &Arc<Namespace>) -> Result<Arc<Link>, Errno> {
        ns.find_link(self.device_name().0).ok_or(Errno::ENODEV)
    }

    pub(super) fn set_name(&mut self, name: &[u8]) {
        self.0[..NAME].fill(0);
        self.0[..name.len()].copy_from_slice(name);
    }

    pub(super) fn union(&self) -> &[u8; LEN - NAME] {
        self.0.last_chunk().expect("a union follows the name")
    }

    /// Replaces the beginning of the union.
    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.0[NAME..NAME + bytes.len()].copy_from_slice(bytes);
    }

    pub(super) fn i32(&self) -> i32 {
        i32::from_ne_bytes(*self.union().first_chunk().expect("24 bytes hold four"))
    }

    pub(super) fn u16(&self) -> u16 {
        u16::from_ne_bytes(*self.union().first_chunk().expect("24 bytes hold two"))
    }

    /// The union as a `struct sockaddr_in`: family and address.
    pub(super) fn inet(&self) -> (u16, Ipv4Addr) {
        let [_, _, _, _, a, b, c, d] = *self.union().first_chunk().expect("24 bytes hold eight");
        (self.u16(), Ipv4Addr::new(a, b, c, d))
    }

    /// Makes the union a `struct sockaddr_in`.
    pub(super) fn put_inet(&mut self, address: Ipv4Addr) {
        let mut bytes = [0; 16];
        bytes[..2].copy_from_slice(&AF_INET.to_ne_bytes());
        bytes[4..8].copy_from_slice(&address.octets());
        self.put(&bytes);
    }
}

/// Bytes up to the first zero.
pub(super) fn c_string(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    &bytes[..end]
}
