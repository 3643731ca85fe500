//! What tells UDP, ping and raw sockets apart.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::SocketAddrV4;
use core::ops::Deref;

use warren_netns::Cx;
use warren_netns::error::SocketError;
use warren_netns::socket::{
    DatagramSocket, PingSocket, RawSocket, SendControl, SendError, UdpSocket,
};

use crate::abi::{ICMP_FILTER, IP_HDRINCL, SOL_IP, SOL_RAW};
use crate::errno::Errno;
use crate::socket::options::{int_or_byte, show};
use crate::socket::protocol::Change;

/// Writes the payload into the packet.
pub(in crate::socket) type Fill<'a> = &'a mut dyn FnMut(&mut [u8]) -> Result<(), Errno>;

/// What tells the three apart.
pub(in crate::socket) trait Kind:
    Deref<Target = DatagramSocket> + core::fmt::Debug + Send + Sync + Sized + 'static
{
    /// Whether a destination of family AF_UNSPEC is taken for AF_INET.
    const UNSPEC_IS_INET: bool;
    /// Whether it binds to ports, of which the first are for the privileged.
    const HAS_PORTS: bool;

    fn bind(self: &Arc<Self>, address: SocketAddrV4, cx: &Cx<'_>) -> Result<(), SocketError>;
    fn connect(self: &Arc<Self>, peer: SocketAddrV4, cx: &Cx<'_>) -> Result<(), SocketError>;
    fn disconnect(&self);
    fn change(&self, change: Change<'_>) -> Result<(), Errno>;
    fn send(
        self: &Arc<Self>,
        to: Option<SocketAddrV4>,
        len: usize,
        control: &SendControl,
        fill: Fill<'_>,
        cx: &Cx<'_>,
    ) -> Result<usize, SendError<Errno>>;
    fn close(&self, cx: &Cx<'_>);

    /// Options of the kind alone.
    fn set_own(&self, _level: i32, _name: i32, _value: &[u8]) -> Result<(), Errno> {
        Err(Errno::ENOPROTOOPT)
    }

    /// See [`Kind::set_own`].
    fn own(&self, _level: i32, _name: i32) -> Result<Vec<u8>, Errno> {
        Err(Errno::ENOPROTOOPT)
    }
}

impl Kind for UdpSocket {
    const UNSPEC_IS_INET: bool = true;
    const HAS_PORTS: bool = true;

    fn bind(self: &Arc<Self>, address: SocketAddrV4, cx: &Cx<'_>) -> Result<(), SocketError> {
        UdpSocket::bind(self, address, cx)
    }

    fn connect(self: &Arc<Self>, peer: SocketAddrV4, cx: &Cx<'_>) -> Result<(), SocketError> {
        UdpSocket::connect(self, peer, cx)
    }

    fn disconnect(&self) {
        Self::disconnect(self);
    }

    fn change(&self, change: Change<'_>) -> Result<(), Errno> {
        self.change_options(change)
    }

    fn send(
        self: &Arc<Self>,
        to: Option<SocketAddrV4>,
        len: usize,
        control: &SendControl,
        fill: Fill<'_>,
        cx: &Cx<'_>,
    ) -> Result<usize, SendError<Errno>> {
        UdpSocket::send(self, to, len, control, fill, cx)
    }

    fn close(&self, cx: &Cx<'_>) {
        Self::close(self, cx);
    }
}

impl Kind for PingSocket {
    const UNSPEC_IS_INET: bool = false;
    const HAS_PORTS: bool = false;

    fn bind(self: &Arc<Self>, address: SocketAddrV4, cx: &Cx<'_>) -> Result<(), SocketError> {
        PingSocket::bind(self, address, cx)
    }

    fn connect(self: &Arc<Self>, peer: SocketAddrV4, cx: &Cx<'_>) -> Result<(), SocketError> {
        PingSocket::connect(self, peer, cx)
    }

    fn disconnect(&self) {
        Self::disconnect(self);
    }

    fn change(&self, change: Change<'_>) -> Result<(), Errno> {
        self.change_options(change)
    }

    fn send(
        self: &Arc<Self>,
        to: Option<SocketAddrV4>,
        len: usize,
        control: &SendControl,
        fill: Fill<'_>,
        cx: &Cx<'_>,
    ) -> Result<usize, SendError<Errno>> {
        PingSocket::send(self, to, len, control, fill, cx)
    }

    fn close(&self, cx: &Cx<'_>) {
        Self::close(self, cx);
    }
}

impl Kind for RawSocket {
    const UNSPEC_IS_INET: bool = true;
    const HAS_PORTS: bool = false;

    fn bind(self: &Arc<Self>, address: SocketAddrV4, _cx: &Cx<'_>) -> Result<(), SocketError> {
        RawSocket::bind(self, *address.ip())
    }

    fn connect(self: &Arc<Self>, peer: SocketAddrV4, _cx: &Cx<'_>) -> Result<(), SocketError> {
        RawSocket::connect(self, *peer.ip())
    }

    fn disconnect(&self) {
        Self::disconnect(self);
    }

    fn change(&self, change: Change<'_>) -> Result<(), Errno> {
        self.change_options(change)
    }

    fn send(
        self: &Arc<Self>,
        to: Option<SocketAddrV4>,
        len: usize,
        control: &SendControl,
        fill: Fill<'_>,
        cx: &Cx<'_>,
    ) -> Result<usize, SendError<Errno>> {
        RawSocket::send(self, to.map(|to| *to.ip()), len, control, fill, cx)
    }

    fn close(&self, cx: &Cx<'_>) {
        Self::close(self, cx);
    }

    fn set_own(&self, level: i32, name: i32, value: &[u8]) -> Result<(), Errno> {
        match (level, name) {
            (SOL_IP, IP_HDRINCL) => {
                self.set_header_included(int_or_byte(value)? != 0);
                Ok(())
            }
            (SOL_RAW, ICMP_FILTER) => {
                // A shorter filter replaces its first bytes (`raw_seticmpfilter`).
                let mut filter = self.icmp_filter()?.to_ne_bytes();
                let len = value.len().min(filter.len());
                filter[..len].copy_from_slice(&value[..len]);
                self.set_icmp_filter(u32::from_ne_bytes(filter))?;
                Ok(())
            }
            _ => Err(Errno::ENOPROTOOPT),
        }
    }

    fn own(&self, level: i32, name: i32) -> Result<Vec<u8>, Errno> {
        match (level, name) {
            (SOL_IP, IP_HDRINCL) => Ok(show(i32::from(self.header_included()))),
            (SOL_RAW, ICMP_FILTER) => Ok(self.icmp_filter()?.to_ne_bytes().to_vec()),
            _ => Err(Errno::ENOPROTOOPT),
        }
    }
}
