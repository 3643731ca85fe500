//! TCP between two namespaces on the test wire, on virtual time.

mod ends;
mod handshake;
mod hostile;
mod transfer;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::{Ipv4Addr, SocketAddrV4};
use core::sync::atomic::{AtomicU16, Ordering};

use warren_platform::{Duration, Observer, Readiness};

use super::TcpSocket;
use crate::error::SocketError;
use crate::namespace::Namespace;
use crate::socket::SocketOwner;
use crate::socket::testing::{B, Net};

const PORT: u16 = 80;
const RUN: Duration = Duration::from_millis(20);

/// Remembers all it was told.
#[derive(Debug, Default)]
struct Heard(AtomicU16);

impl Observer for Heard {
    fn notify(&self, news: Readiness) {
        assert!(!news.is_empty());
        self.0.fetch_or(news.bits(), Ordering::Relaxed);
    }
}

impl Heard {
    fn take(&self) -> Readiness {
        Readiness::from_bits_retain(self.0.swap(0, Ordering::Relaxed))
    }
}

fn open(net: &Net, ns: &Arc<Namespace>) -> Arc<TcpSocket> {
    TcpSocket::open(ns, SocketOwner::default(), &net.cx()).expect("a socket")
}

fn listener(net: &Net, ns: &Arc<Namespace>, port: u16, backlog: usize) -> Arc<TcpSocket> {
    let socket = open(net, ns);
    let any = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port);
    socket.bind(any, &net.cx()).expect("free");
    socket.listen(backlog, &net.cx()).expect("bound");
    socket
}

/// A connection from `a` to a listener in `b`, accepted.
struct Pair {
    listener: Arc<TcpSocket>,
    client: Arc<TcpSocket>,
    server: Arc<TcpSocket>,
}

fn connect(net: &mut Net) -> Pair {
    let listener = listener(net, &net.b, PORT, 8);
    let client = open(net, &net.a);
    let begun = client.connect(SocketAddrV4::new(B, PORT), &net.cx());
    assert_eq!(begun, Err(SocketError::InProgress));
    net.run_for(RUN);
    assert_eq!(client.connect(SocketAddrV4::new(B, PORT), &net.cx()), Ok(()));
    let server = listener.accept(&net.cx()).expect("a connection");
    Pair { listener, client, server }
}

impl Pair {
    fn close(self, net: Net) {
        for socket in [&self.client, &self.server, &self.listener] {
            socket.close(&net.cx());
        }
        drop(self);
        net.assert_clean();
    }
}

/// Sends what fits of `bytes`; returns how much.
fn send(net: &Net, socket: &Arc<TcpSocket>, bytes: &[u8]) -> Result<usize, SocketError> {
    let mut done = 0;
    let mut fill = |part: &mut [u8]| {
        part.copy_from_slice(&bytes[done..done + part.len()]);
        done += part.len();
        part.len()
    };
    socket.send(bytes.len(), &mut fill, &net.cx())
}

/// Receives up to `len` bytes.
fn recv(net: &Net, socket: &Arc<TcpSocket>, len: usize) -> Result<Vec<u8>, SocketError> {
    let mut bytes = Vec::new();
    let mut sink = |part: &[u8]| {
        bytes.extend_from_slice(part);
        part.len()
    };
    let count = socket.recv(len, false, &mut sink, &net.cx())?;
    assert_eq!(count, bytes.len());
    Ok(bytes)
}

/// Bytes that show where they come from.
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at / 251 + at * 7) as u8).collect()
}

/// Moves `bytes` from one end to the other, as fast as virtual time allows.
fn transfer(net: &mut Net, from: &Arc<TcpSocket>, to: &Arc<TcpSocket>, bytes: &[u8]) {
    let (mut sent, mut got) = (0, Vec::new());
    for _ in 0..200_000 {
        if sent < bytes.len() {
            match send(net, from, &bytes[sent..]) {
                Ok(count) => sent += count,
                Err(SocketError::WouldBlock) => {}
                Err(error) => panic!("send: {error:?} after {sent} bytes"),
            }
        }
        net.run_for(Duration::from_micros(200));
        match recv(net, to, usize::MAX) {
            Ok(part) => got.extend(part),
            Err(SocketError::WouldBlock) => {}
            Err(error) => panic!("recv: {error:?} after {} bytes", got.len()),
        }
        if got.len() == bytes.len() {
            assert!(got == bytes, "the bytes changed on the way");
            return;
        }
    }
    panic!("{} of {} bytes arrived", got.len(), bytes.len());
}
