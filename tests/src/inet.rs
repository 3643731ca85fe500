//! Addresses, routes and pings, in short words.

use core::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use warren_netns::error::SocketError;
use warren_netns::ip::address::{AddressSpec, IfExists};
use warren_netns::ip::route::{NexthopSpec, RouteMode, RouteSpec};
use warren_netns::socket::{PingSocket, SendControl, SendError, SocketOwner};
use warren_netns::{Link, Namespace};
use warren_platform::Instant;

use crate::world::{ADMIN, World};

/// Bytes of payload `ping` sends unless told otherwise.
pub const PAYLOAD: usize = 56;

/// Parses `a.b.c.d/len`.
fn prefix(text: &str) -> (Ipv4Addr, u8) {
    let (address, len) = text.split_once('/').expect("an address and a length");
    (address.parse().expect("an address"), len.parse().expect("a length"))
}

/// Parses an address.
///
/// # Panics
/// If it is none.
#[must_use]
pub fn ip(text: &str) -> Ipv4Addr {
    text.parse().expect("an address")
}

impl World {
    /// Gives a link an address: `ip addr add TEXT dev LINK`.
    pub fn address(&self, link: &Arc<Link>, text: &str) {
        let (address, len) = prefix(text);
        let ns = link.namespace().expect("it is somewhere");
        let spec = AddressSpec::new(address, len);
        ns.add_address(&ADMIN, link, &spec, IfExists::Refuse, &self.cx()).expect("a new address");
    }

    /// `ip route add TEXT via GATEWAY dev LINK`.
    pub fn route(&self, ns: &Arc<Namespace>, text: &str, gateway: &str, link: &Arc<Link>) {
        let (dst, len) = prefix(text);
        let nexthop = NexthopSpec::new(Some(ip(gateway)), Some(link.ifindex()));
        let spec = RouteSpec::unicast(dst, len, nexthop);
        ns.add_route(&ADMIN, &spec, RouteMode::CREATE | RouteMode::EXCL, &self.cx())
            .expect("a new route");
    }
}

/// What came back to a ping socket.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reply {
    /// Who answered.
    pub from: Ipv4Addr,
    /// To which request.
    pub sequence: u16,
    /// Its time to live.
    pub ttl: u8,
    /// Payload bytes, as they were sent.
    pub len: usize,
    /// When it came.
    pub at: Instant,
}

/// A `ping`: a socket and how many requests it sent.
#[derive(Debug)]
pub struct Ping {
    socket: Arc<PingSocket>,
    /// Sequence number of the next request.
    pub next: u16,
}

impl Ping {
    /// Opens a ping socket in `ns` that hears of errors, as ping(8) does (IP_RECVERR).
    ///
    /// # Panics
    /// If the namespace has too many sockets.
    #[must_use]
    pub fn open(world: &World, ns: &Arc<Namespace>) -> Self {
        let owner = SocketOwner { uid: 0 };
        let socket = PingSocket::open(ns, owner, &world.cx()).expect("a socket");
        socket.change_options(|options| options.receive_errors = true);
        Self { socket, next: 1 }
    }

    /// Sends one echo request with `len` bytes of payload.
    ///
    /// # Errors
    /// Whatever the socket says.
    pub fn send(&mut self, world: &World, to: Ipv4Addr, len: usize) -> Result<(), SocketError> {
        let sequence = self.next.to_be_bytes();
        self.next = self.next.wrapping_add(1);
        let mut fill = |bytes: &mut [u8]| -> Result<(), ()> {
            bytes[..8].copy_from_slice(&[8, 0, 0, 0, 0, 0, sequence[0], sequence[1]]);
            for (at, byte) in bytes[8..].iter_mut().enumerate() {
                *byte = pattern(at);
            }
            Ok(())
        };
        let to = SocketAddrV4::new(to, 0);
        let control = SendControl::default();
        match self.socket.send(Some(to), len + 8, &control, &mut fill, &world.cx()) {
            Ok(_) => Ok(()),
            Err(SendError::Socket(error)) => Err(error),
            Err(SendError::Fill(())) => unreachable!("fill does not fail"),
        }
    }

    /// What came back, if anything did.
    ///
    /// # Errors
    /// [`SocketError::WouldBlock`] if nothing came, or the error that came instead.
    ///
    /// # Panics
    /// If the payload is not what was sent.
    pub fn recv(&self) -> Result<Reply, SocketError> {
        self.socket.recv(false, |datagram| {
            let bytes = datagram.bytes;
            assert_eq!(bytes[..2], [0, 0], "an echo reply");
            let intact = bytes[8..].iter().enumerate().all(|(at, byte)| *byte == pattern(at));
            assert!(intact, "the payload comes back as it was sent");
            Reply {
                from: *datagram.from.ip(),
                sequence: u16::from_be_bytes([bytes[6], bytes[7]]),
                ttl: datagram.ttl,
                len: bytes.len() - 8,
                at: datagram.at,
            }
        })
    }

    /// One request and its reply, without time passing.
    ///
    /// # Errors
    /// Whatever the socket says instead.
    pub fn once(&mut self, world: &World, to: Ipv4Addr) -> Result<Reply, SocketError> {
        self.send(world, to, PAYLOAD)?;
        world.settle();
        self.recv()
    }

    /// Closes the socket.
    pub fn close(self, world: &World) {
        self.socket.close(&world.cx());
    }
}

/// Byte `at` of a payload.
fn pattern(at: usize) -> u8 {
    u8::try_from(at % 251).expect("below 251")
}
