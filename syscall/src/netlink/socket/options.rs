//! The options of a netlink socket: `SOL_NETLINK`, and how much may wait to be read.

use alloc::vec::Vec;

use crate::errno::Errno;
use crate::netlink::abi::{
    NETLINK_ADD_MEMBERSHIP, NETLINK_BROADCAST_ERROR, NETLINK_CAP_ACK, NETLINK_DROP_MEMBERSHIP,
    NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK, NETLINK_LIST_MEMBERSHIPS, NETLINK_NO_ENOBUFS,
    NETLINK_PKTINFO, RTNLGRP_MAX,
};
use crate::netlink::ack::AckStyle;

/// `net.core.rmem_default` and `wmem_default`.
const BUFFER: usize = 212_992;

/// See the module.
#[derive(Debug)]
pub struct Options {
    /// How acknowledgements look.
    pub ack: AckStyle,
    /// `NETLINK_GET_STRICT_CHK`.
    pub strict: bool,
    /// `NETLINK_PKTINFO`: recvmsg tells the group.
    pub packet_info: bool,
    /// `NETLINK_BROADCAST_ERROR`: kept and reported; broadcasts come from the kernel only,
    /// so there is no sender to tell.
    pub broadcast_error: bool,
    /// `NETLINK_NO_ENOBUFS`: losses are not reported.
    pub no_enobufs: bool,
    /// The groups it listens to: bit n is group n + 1.
    pub groups: u64,
    /// Bytes that may wait to be read (`SO_RCVBUF`, doubled as Linux doubles it).
    pub receive_limit: usize,
    /// `SO_SNDBUF`, doubled.
    pub send_limit: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            ack: AckStyle::default(),
            strict: false,
            packet_info: false,
            broadcast_error: false,
            no_enobufs: false,
            groups: 0,
            receive_limit: BUFFER,
            send_limit: BUFFER,
        }
    }
}

impl Options {
    /// Whether it listens to `group`.
    #[must_use]
    pub const fn listens_to(&self, group: u32) -> bool {
        group > 0 && group <= RTNLGRP_MAX && self.groups & 1 << (group - 1) != 0
    }

    /// The first 32 groups, as addresses hold them.
    #[must_use]
    pub const fn low_groups(&self) -> u32 {
        (self.groups & 0xffff_ffff) as u32
    }

    /// Replaces the first 32 groups (bind).
    pub const fn set_low_groups(&mut self, groups: u32) {
        self.groups = self.groups & !0xffff_ffff | groups as u64;
    }

    /// Sets an option of `SOL_NETLINK`.
    ///
    /// # Errors
    /// ENOPROTOOPT for options that are not supported, EINVAL for a group there is not.
    pub fn set(&mut self, name: i32, value: i32) -> Result<(), Errno> {
        match name {
            NETLINK_ADD_MEMBERSHIP | NETLINK_DROP_MEMBERSHIP => {
                let group = u32::try_from(value).map_err(|_| Errno::EINVAL)?;
                if group == 0 || group > RTNLGRP_MAX {
                    return Err(Errno::EINVAL);
                }
                let bit = 1 << (group - 1);
                if name == NETLINK_ADD_MEMBERSHIP {
                    self.groups |= bit;
                } else {
                    self.groups &= !bit;
                }
            }
            NETLINK_PKTINFO => self.packet_info = value != 0,
            NETLINK_BROADCAST_ERROR => self.broadcast_error = value != 0,
            NETLINK_NO_ENOBUFS => self.no_enobufs = value != 0,
            NETLINK_CAP_ACK => self.ack.capped = value != 0,
            NETLINK_EXT_ACK => self.ack.extended = value != 0,
            NETLINK_GET_STRICT_CHK => self.strict = value != 0,
            _ => return Err(Errno::ENOPROTOOPT),
        }
        Ok(())
    }

    /// Reads an option of `SOL_NETLINK`; the value whole, to be cut to the caller's buffer.
    ///
    /// # Errors
    /// ENOPROTOOPT for options there are not.
    pub fn get(&self, name: i32) -> Result<Vec<u8>, Errno> {
        let flag = match name {
            NETLINK_LIST_MEMBERSHIPS => return Ok(self.groups.to_le_bytes().to_vec()),
            NETLINK_PKTINFO => self.packet_info,
            NETLINK_BROADCAST_ERROR => self.broadcast_error,
            NETLINK_NO_ENOBUFS => self.no_enobufs,
            NETLINK_CAP_ACK => self.ack.capped,
            NETLINK_EXT_ACK => self.ack.extended,
            NETLINK_GET_STRICT_CHK => self.strict,
            _ => return Err(Errno::ENOPROTOOPT),
        };
        Ok(i32::from(flag).to_le_bytes().to_vec())
    }
}
