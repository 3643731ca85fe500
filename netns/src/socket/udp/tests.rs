//! UDP, ping and raw sockets between two namespaces on the test wire.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::convert::Infallible;
use core::net::{Ipv4Addr, SocketAddrV4};
use core::sync::atomic::{AtomicU32, Ordering};

use warren_platform::{Duration, Observer, Readiness};

use super::UdpSocket;
use crate::error::SocketError;
use crate::namespace::Namespace;
use crate::socket::testing::{A, B, Net};
use crate::socket::{
    Counter, PingSocket, RawSocket, SendControl, SendError, Shutdown, SocketOwner,
};

#[derive(Debug, Default)]
struct Heard(AtomicU32);

impl Observer for Heard {
    fn notify(&self, news: Readiness) {
        assert!(!news.is_empty());
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn open(net: &Net, ns: &Arc<Namespace>) -> Arc<UdpSocket> {
    UdpSocket::open(ns, SocketOwner { uid: 7 }, &net.cx()).expect("a socket")
}

fn bound(net: &Net, ns: &Arc<Namespace>, port: u16) -> Arc<UdpSocket> {
    let socket = open(net, ns);
    socket.bind(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port), &net.cx()).expect("free");
    socket
}

fn send(
    net: &Net,
    socket: &Arc<UdpSocket>,
    to: Option<SocketAddrV4>,
    bytes: &[u8],
) -> Result<usize, SendError<Infallible>> {
    let mut fill = |buffer: &mut [u8]| {
        buffer.copy_from_slice(bytes);
        Ok(())
    };
    socket.send(to, bytes.len(), &SendControl::default(), &mut fill, &net.cx())
}

fn recv(socket: &UdpSocket) -> Result<(SocketAddrV4, Vec<u8>), SocketError> {
    socket.recv(false, |datagram| (datagram.from, datagram.bytes.to_vec()))
}

const RUN: Duration = Duration::from_millis(1);

#[test]
fn a_datagram_and_its_answer_cross_between_namespaces() {
    let mut net = Net::new();
    let server = bound(&net, &net.b, 53);
    let heard = Arc::new(Heard::default());
    server.set_observer(heard.clone());
    let client = open(&net, &net.a);
    assert_eq!(send(&net, &client, Some(SocketAddrV4::new(B, 53)), b"ask"), Ok(3));
    net.run_for(RUN);
    assert_eq!(heard.0.load(Ordering::Relaxed), 1);
    assert!(server.readiness().contains(Readiness::IN));
    let (from, bytes) = recv(&server).expect("a datagram");
    assert_eq!((*from.ip(), &bytes[..]), (A, &b"ask"[..]));
    assert_eq!(client.local().port(), from.port());
    assert!((32_768..=60_999).contains(&from.port()));
    assert_eq!(recv(&server), Err(SocketError::WouldBlock));
    assert_eq!(send(&net, &server, Some(from), b""), Ok(0));
    net.run_for(RUN);
    assert_eq!(recv(&client), Ok((SocketAddrV4::new(B, 53), Vec::new())));
    let counted = |counter| net.b.sockets.counters.get(counter);
    assert_eq!((counted(Counter::UdpIn), counted(Counter::UdpOut)), (1, 1));
    client.close(&net.cx());
    server.close(&net.cx());
    drop((client, server));
    net.assert_clean();
}

#[test]
fn the_same_port_in_two_namespaces_is_two_sockets() {
    let mut net = Net::new();
    let (in_a, in_b) = (bound(&net, &net.a, 53), bound(&net, &net.b, 53));
    assert_eq!(send(&net, &in_a, Some(SocketAddrV4::new(B, 53)), b"x"), Ok(1));
    net.run_for(RUN);
    assert_eq!(recv(&in_a), Err(SocketError::WouldBlock));
    assert!(recv(&in_b).is_ok());
    let second = open(&net, &net.a);
    let taken = second.bind(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 53), &net.cx());
    assert_eq!(taken, Err(SocketError::AddrInUse));
    assert_eq!(second.local().port(), 0);
    let foreign = second.bind(SocketAddrV4::new(B, 54), &net.cx());
    assert_eq!(foreign, Err(SocketError::AddrNotAvailable));
    for socket in [&in_a, &in_b, &second] {
        socket.close(&net.cx());
        socket.close(&net.cx());
    }
    drop((in_a, in_b, second));
    net.assert_clean();
}

#[test]
fn a_connected_socket_hears_its_peer_alone_and_learns_of_refusal() {
    let mut net = Net::new();
    let client = open(&net, &net.a);
    client.connect(SocketAddrV4::new(B, 9), &net.cx()).expect("a route");
    assert_eq!((client.local().ip(), client.peer()), (&A, Some(SocketAddrV4::new(B, 9))));
    let stranger = bound(&net, &net.b, 10);
    assert_eq!(send(&net, &stranger, Some(client.local()), b"x"), Ok(1));
    net.run_for(RUN);
    // Nobody wants the stranger's datagram, and the stranger is not connected.
    assert_eq!(recv(&client), Err(SocketError::WouldBlock));
    assert_eq!(stranger.take_error(), None);
    assert_eq!(send(&net, &client, None, b"x"), Ok(1));
    net.run_for(RUN);
    assert!(client.readiness().contains(Readiness::ERR));
    assert_eq!(recv(&client), Err(SocketError::Refused));
    assert_eq!(recv(&client), Err(SocketError::WouldBlock));
    assert_eq!(net.b.sockets.counters.get(Counter::UdpNoPorts), 1);
    client.disconnect();
    assert_eq!((client.peer(), client.local().port()), (None, 0));
    assert_eq!(send(&net, &client, None, b"x"), Err(SocketError::NoDestination.into()));
    client.close(&net.cx());
    stranger.close(&net.cx());
    drop((client, stranger));
    net.assert_clean();
}

#[test]
fn errors_asked_for_are_queued_with_what_they_are_about() {
    let mut net = Net::new();
    let client = open(&net, &net.a);
    client.change_options(|options| options.receive_errors = true);
    let to = SocketAddrV4::new(B, 9);
    assert_eq!(send(&net, &client, Some(to), b"lost"), Ok(4));
    net.run_for(RUN);
    assert_eq!(send(&net, &client, Some(to), b"x"), Err(SocketError::Refused.into()));
    let error = client.recv_error().expect("queued");
    assert_eq!((error.destination, &error.payload[..]), (to, &b"lost"[..]));
    assert_eq!((error.what.icmp_type, error.what.code), (3, 3));
    assert!(client.recv_error().is_err());
    client.close(&net.cx());
    drop(client);
    net.assert_clean();
}

#[test]
fn refusals_send_nothing() {
    let net = Net::new();
    let socket = open(&net, &net.a);
    let to = |ip, port| Some(SocketAddrV4::new(ip, port));
    let refused = |result| assert_eq!(result, Err(SendError::Socket(SocketError::Prohibited)));
    refused(send(&net, &socket, to(Ipv4Addr::BROADCAST, 9), b"x"));
    let long = [0; 65_508];
    let result = send(&net, &socket, to(B, 9), &long);
    assert_eq!(result, Err(SocketError::MessageTooLong.into()));
    assert_eq!(send(&net, &socket, to(B, 0), b"x"), Err(SocketError::Invalid.into()));
    let nowhere = Ipv4Addr::new(192, 0, 2, 1);
    assert_eq!(send(&net, &socket, to(nowhere, 9), b"x"), Err(SocketError::NetUnreachable.into()));
    assert_eq!(socket.shutdown(Shutdown::Write), Err(SocketError::NotConnected));
    assert_eq!(send(&net, &socket, to(B, 9), b"x"), Err(SocketError::Shutdown.into()));
    assert_eq!(net.sent(), 0);
    socket.close(&net.cx());
    drop(socket);
    net.assert_clean();
}

#[test]
fn a_broadcast_reaches_every_socket_of_its_port_once() {
    let mut net = Net::new();
    let listeners: Vec<_> = (0..2)
        .map(|_| {
            let socket = open(&net, &net.b);
            socket.change_options(|options| options.reuse_addr = true);
            let any = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 67);
            socket.bind(any, &net.cx()).expect("shared");
            socket
        })
        .collect();
    let client = open(&net, &net.a);
    client.change_options(|options| options.broadcast = true);
    let everybody = Some(SocketAddrV4::new(Ipv4Addr::BROADCAST, 67));
    assert_eq!(send(&net, &client, everybody, b"who"), Ok(3));
    net.run_for(RUN);
    for listener in &listeners {
        assert!(recv(listener).is_ok());
        assert_eq!(recv(listener), Err(SocketError::WouldBlock));
        listener.close(&net.cx());
    }
    client.close(&net.cx());
    drop((client, listeners));
    net.assert_clean();
}

#[test]
fn a_full_queue_drops_and_counts_and_a_close_gives_back() {
    let mut net = Net::new();
    let server = bound(&net, &net.b, 53);
    server.change_options(|options| options.set_rcvbuf(4_096));
    let client = open(&net, &net.a);
    for _ in 0..64 {
        assert!(send(&net, &client, Some(SocketAddrV4::new(B, 53)), &[0; 1_000]).is_ok());
        net.run_for(RUN);
    }
    let (charged, drops) = server.queued();
    assert!((8_192..8_192 + 2_048).contains(&charged), "{charged}");
    assert_eq!(drops, net.b.sockets.counters.get(Counter::UdpRcvbufErrors));
    assert_eq!(drops + net.b.sockets.counters.get(Counter::UdpIn), 64);
    assert!(server.recv(true, |datagram| datagram.bytes.len()) == Ok(1_000));
    client.close(&net.cx());
    server.close(&net.cx());
    drop((client, server));
    net.assert_clean();
}

#[test]
fn the_last_ephemeral_port_is_found_and_then_there_is_none() {
    let net = Net::new();
    let sockets: Vec<_> = (32_768..=60_999).filter(|port| *port != 40_000).collect();
    let sockets: Vec<_> = sockets.into_iter().map(|port| bound(&net, &net.a, port)).collect();
    let last = bound(&net, &net.a, 0);
    assert_eq!(last.local().port(), 40_000);
    let late = open(&net, &net.a);
    let any = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0);
    assert_eq!(late.bind(any, &net.cx()), Err(SocketError::AddrInUse));
    assert_eq!(
        send(&net, &late, Some(SocketAddrV4::new(B, 9)), b"x"),
        Err(SocketError::WouldBlock.into())
    );
    for socket in sockets.iter().chain([&last, &late]) {
        socket.close(&net.cx());
    }
    drop((sockets, last, late));
    net.assert_clean();
}

#[test]
fn a_ping_socket_sends_requests_and_hears_its_own_replies() {
    let mut net = Net::new();
    let ping = PingSocket::open(&net.a, SocketOwner::default(), &net.cx()).expect("a socket");
    let raw = RawSocket::open(&net.b, 1, SocketOwner::default(), &net.cx()).expect("a socket");
    let request = [8, 0, 0, 0, 0, 0, 0, 5, b'h', b'i'];
    let mut fill = |buffer: &mut [u8]| {
        buffer.copy_from_slice(&request);
        Ok::<(), Infallible>(())
    };
    let to = Some(SocketAddrV4::new(B, 0));
    let control = SendControl::default();
    assert_eq!(ping.send(to, 10, &control, &mut fill, &net.cx()), Ok(10));
    net.run_for(RUN);
    // The raw socket sees the request with its IP header and answers by hand.
    let mut reply = raw.recv(false, |datagram| datagram.bytes.to_vec()).expect("a copy");
    assert_eq!(reply[20..22], [8, 0]);
    let identifier = u16::from_be_bytes([reply[24], reply[25]]);
    assert_eq!(identifier, ping.local().port());
    reply[20] = 0;
    let mut answer = |buffer: &mut [u8]| {
        buffer.copy_from_slice(&reply[20..]);
        Ok::<(), Infallible>(())
    };
    assert_eq!(raw.send(Some(A), 10, &control, &mut answer, &net.cx()), Ok(10));
    net.run_for(RUN);
    let heard = ping.recv(false, |datagram| (datagram.from, datagram.bytes[0], datagram.ttl));
    assert_eq!(heard, Ok((SocketAddrV4::new(B, 0), 0, 64)));
    let mut wrong = |buffer: &mut [u8]| {
        buffer.fill(0);
        Ok::<(), Infallible>(())
    };
    let refused = ping.send(to, 10, &control, &mut wrong, &net.cx());
    assert_eq!(refused, Err(SocketError::Invalid.into()));
    ping.close(&net.cx());
    raw.close(&net.cx());
    drop((ping, raw));
    net.assert_clean();
}

#[test]
fn a_raw_socket_filters_and_may_bring_its_own_header() {
    let mut net = Net::new();
    let raw = RawSocket::open(&net.b, 1, SocketOwner::default(), &net.cx()).expect("a socket");
    raw.set_icmp_filter(1 << 8).expect("an ICMP socket");
    let own = RawSocket::open(&net.a, 255, SocketOwner::default(), &net.cx()).expect("a socket");
    assert_eq!(own.set_icmp_filter(0), Err(SocketError::NotSupported));
    let control = SendControl::default();
    for icmp_type in [8, 13] {
        let mut fill = |buffer: &mut [u8]| {
            buffer.fill(0);
            buffer[0] = 0x45;
            buffer[8] = 9;
            buffer[9] = 1;
            buffer[16..20].copy_from_slice(&B.octets());
            buffer[20] = icmp_type;
            Ok::<(), Infallible>(())
        };
        assert_eq!(own.send(Some(B), 28, &control, &mut fill, &net.cx()), Ok(28));
        net.run_for(RUN);
    }
    let heard = raw.recv(false, |datagram| (datagram.from.ip().octets(), datagram.bytes[20]));
    assert_eq!(heard, Ok((A.octets(), 13)));
    assert_eq!(raw.recv(false, |_| ()), Err(SocketError::WouldBlock));
    let mut short = |_: &mut [u8]| Ok::<(), Infallible>(());
    let refused = own.send(Some(B), 19, &control, &mut short, &net.cx());
    assert_eq!(refused, Err(SocketError::Invalid.into()));
    own.close(&net.cx());
    raw.close(&net.cx());
    drop((own, raw));
    net.assert_clean();
}
