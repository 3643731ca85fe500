//! The Linux-shaped door of Warren: sockets, netlink, ioctls and the /proc and /sys
//! text of the network. Each file decodes, checks the capability, makes one call
//! into the core and maps the outcome to an [`errno::Errno`].
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod abi;
pub mod cmsg;
pub mod cred;
pub mod errno;
mod error;
pub mod ioctl;
pub mod netlink;
pub mod process;
pub mod procfs;
pub mod sockaddr;
pub mod socket;
pub mod sysctl;
pub mod sysfs;
#[cfg(test)]
mod testing;
mod text;
pub mod unix;
