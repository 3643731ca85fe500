//! `struct msghdr` on both ways, with user memory behind two small traits.

use alloc::vec::Vec;

use warren_platform::Instant;

use crate::errno::Errno;
use crate::sockaddr::SockAddr;

/// Where a message's payload comes from: user memory, gathered.
pub trait Source {
    /// Bytes not read yet.
    fn remaining(&self) -> usize;

    /// Fills all of `into` with the next bytes. `into` is never longer than
    /// [`Source::remaining`].
    ///
    /// # Errors
    /// EFAULT if the memory cannot be read.
    fn fill(&mut self, into: &mut [u8]) -> Result<(), Errno>;
}

/// Where a message's payload goes: user memory, scattered.
pub trait Sink {
    /// Bytes of room left.
    fn room(&self) -> usize;

    /// Writes all of `bytes`, which are never more than [`Sink::room`].
    ///
    /// # Errors
    /// EFAULT if the memory cannot be written.
    fn put(&mut self, bytes: &[u8]) -> Result<(), Errno>;
}

/// A message to send.
pub struct Outgoing<'a> {
    /// The destination, if one was given.
    pub name: Option<&'a [u8]>,
    /// Control messages.
    pub control: &'a [u8],
    /// The payload.
    pub payload: &'a mut dyn Source,
    /// MSG_* flags; whether to wait is the host's business.
    pub flags: u32,
}

/// Room for a message to receive.
pub struct Room<'a> {
    /// For the payload.
    pub payload: &'a mut dyn Sink,
    /// For control messages (`msg_controllen`).
    pub control: usize,
    /// MSG_* flags.
    pub flags: u32,
}

/// A received message; the payload went to the [`Sink`].
#[derive(Debug)]
pub struct Incoming {
    /// What `recv` returns: bytes copied, or with MSG_TRUNC the datagram's full length.
    pub bytes: usize,
    /// Who sent it.
    pub name: SockAddr,
    /// Control messages.
    pub control: Vec<u8>,
    /// `msg_flags`.
    pub flags: u32,
    /// When it came, if its protocol knows (SIOCGSTAMP).
    pub stamp: Option<Instant>,
}

impl Incoming {
    /// Payload and nothing else.
    #[must_use]
    pub const fn plain(bytes: usize) -> Self {
        Self { bytes, name: SockAddr::NONE, control: Vec::new(), flags: 0, stamp: None }
    }
}

/// Which directions `shutdown` closes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shutdown {
    /// SHUT_RD.
    Receive,
    /// SHUT_WR.
    Send,
    /// SHUT_RDWR.
    Both,
}

impl Shutdown {
    /// Decodes `how`.
    ///
    /// # Errors
    /// EINVAL for anything else.
    pub const fn parse(how: i32) -> Result<Self, Errno> {
        match how {
            0 => Ok(Self::Receive),
            1 => Ok(Self::Send),
            2 => Ok(Self::Both),
            _ => Err(Errno::EINVAL),
        }
    }

    pub(crate) const fn receive(self) -> bool {
        matches!(self, Self::Receive | Self::Both)
    }

    pub(crate) const fn send(self) -> bool {
        matches!(self, Self::Send | Self::Both)
    }
}
