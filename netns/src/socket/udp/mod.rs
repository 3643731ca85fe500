//! UDP sockets (RFC 768) with Linux's rules for ports, peers and errors.

mod control;
mod datapath;
#[cfg(test)]
mod tests;

use core::ops::Deref;

use super::datagram::DatagramSocket;

pub(super) use datapath::{deliver, icmp_error};

/// A UDP socket. What it shares with ping and raw sockets it derefs to.
#[derive(Debug)]
pub struct UdpSocket {
    socket: DatagramSocket,
}

impl Deref for UdpSocket {
    type Target = DatagramSocket;
    fn deref(&self) -> &DatagramSocket {
        &self.socket
    }
}
