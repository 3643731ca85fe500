//! Sockets over the whole stack: real L3, ARP, veth pairs and bridges between them.

use core::convert::Infallible;
use core::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use warren_netns::error::SocketError;
use warren_netns::ip::address::{AddressSpec, IfExists};
use warren_netns::socket::{
    Counter, PingSocket, SendControl, SocketOwner, SocketState, TcpSocket, UdpSocket,
};
use warren_netns::{Ifindex, Link, Namespace};
use warren_platform::Duration;
use warren_tests::scenario;
use warren_tests::world::{ADMIN, World};

const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const B: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const NOBODY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 99);
const MS: Duration = Duration::from_millis(1);

fn address(world: &World, ns: &Arc<Namespace>, link: &Arc<Link>, local: Ipv4Addr) {
    let spec = AddressSpec::new(local, 24);
    ns.add_address(&ADMIN, link, &spec, IfExists::Refuse, &world.cx()).expect("free");
}

/// Two namespaces with an address each, joined by a veth pair.
fn pair(world: &mut World) -> (Arc<Namespace>, Arc<Namespace>) {
    let (a, b) = (world.namespace(), world.namespace());
    let (v0, v1) = world.veth((&a, "v0"), (&b, "v1"));
    // What L3 tells its own sockets comes through the loopback.
    for ns in [&a, &b] {
        world.up(&[&ns.link(Ifindex::LOOPBACK).expect("every namespace has one")]);
    }
    world.up(&[&v0, &v1]);
    address(world, &a, &v0, A);
    address(world, &b, &v1, B);
    (a, b)
}

/// Two namespaces with an address each, joined by a bridge in a third.
fn bridged(world: &mut World) -> (Arc<Namespace>, Arc<Namespace>) {
    let (a, b, middle) = (world.namespace(), world.namespace(), world.namespace());
    let bridge = world.bridge(&middle, "br0");
    world.up(&[&bridge]);
    for (ns, name, local) in [(&a, "pa", A), (&b, "pb", B)] {
        let (end, port) = world.veth((ns, "eth0"), (&middle, name));
        world.join(&port, &bridge).expect("a port");
        world.up(&[&end, &port]);
        address(world, ns, &end, local);
    }
    (a, b)
}

fn tcp(world: &World, ns: &Arc<Namespace>) -> Arc<TcpSocket> {
    TcpSocket::open(ns, SocketOwner::default(), &world.cx()).expect("a socket")
}

fn listener(world: &World, ns: &Arc<Namespace>, local: Ipv4Addr, port: u16) -> Arc<TcpSocket> {
    let socket = tcp(world, ns);
    socket.bind(SocketAddrV4::new(local, port), &world.cx()).expect("free");
    socket.listen(16, &world.cx()).expect("bound");
    socket
}

/// Moves `total` bytes and checks each of them.
fn transfer(world: &World, from: &Arc<TcpSocket>, to: &Arc<TcpSocket>, total: usize) {
    let byte = |at: usize| (at * 31 + at / 4_096) as u8;
    let (mut sent, mut got) = (0, 0);
    for _ in 0..100_000 {
        if sent < total {
            let mut fill = |part: &mut [u8]| {
                for slot in part.iter_mut() {
                    *slot = byte(sent);
                    sent += 1;
                }
                part.len()
            };
            match from.send((total - got).min(65_536), &mut fill, &world.cx()) {
                Ok(_) | Err(SocketError::WouldBlock) => {}
                Err(error) => panic!("send: {error:?}"),
            }
        }
        let mut sink = |part: &[u8]| {
            for seen in part {
                assert_eq!(*seen, byte(got), "byte {got}");
                got += 1;
            }
            part.len()
        };
        match to.recv(usize::MAX, false, &mut sink, &world.cx()) {
            Ok(_) => {}
            Err(SocketError::WouldBlock) => world.pass(MS),
            Err(error) => panic!("recv: {error:?}"),
        }
        if got >= total {
            return;
        }
    }
    panic!("{got} of {total} bytes arrived");
}

fn converse(world: &mut World, a: &Arc<Namespace>, b: &Arc<Namespace>) {
    let server = listener(world, b, Ipv4Addr::UNSPECIFIED, 80);
    let client = tcp(world, a);
    let to = SocketAddrV4::new(B, 80);
    assert_eq!(client.connect(to, &world.cx()), Err(SocketError::InProgress));
    world.pass(MS * 20);
    assert_eq!(client.connect(to, &world.cx()), Ok(()));
    let child = server.accept(&world.cx()).expect("a connection");
    transfer(world, &client, &child, 3 << 20);
    transfer(world, &child, &client, 1 << 20);
    assert_eq!(a.sockets.counters.get(Counter::TcpRetransSegs), 0);
    for socket in [&client, &child, &server] {
        socket.close(&world.cx());
    }
    world.pass(MS);
    assert_eq!(a.sockets.stat().tcp_time_wait, 1);
    world.pass(Duration::from_secs(61));
    assert_eq!(a.sockets.stat().tcp_time_wait, 0);
}

#[test]
fn a_stream_crosses_a_veth_pair_without_loss() {
    scenario(|world| {
        let (a, b) = pair(world);
        converse(world, &a, &b);
        // Super-segments stay whole inside the machine.
        let link = a.link(Ifindex::new(2).expect("positive")).or_else(|| a.link_at_or_after(2));
        let stats = link.expect("v0").stats.snapshot();
        assert!(stats.tx_bytes / stats.tx_packets > 5_000, "{stats:?}");
    });
}

#[test]
fn a_stream_crosses_a_bridge_without_loss() {
    scenario(|world| {
        let (a, b) = bridged(world);
        converse(world, &a, &b);
    });
}

#[test]
fn nobody_there_is_host_unreachable_after_arp_gave_up() {
    scenario(|world| {
        let (a, _b) = pair(world);
        let client = tcp(world, &a);
        let to = SocketAddrV4::new(NOBODY, 80);
        assert_eq!(client.connect(to, &world.cx()), Err(SocketError::InProgress));
        world.pass(Duration::from_secs(2));
        assert_eq!(client.state(), SocketState::SynSent);
        world.pass(Duration::from_secs(3));
        assert_eq!(client.connect(to, &world.cx()), Err(SocketError::HostUnreachable));
        let elsewhere = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), 80);
        assert_eq!(client.connect(elsewhere, &world.cx()), Err(SocketError::NetUnreachable));
        client.close(&world.cx());
    });
}

#[test]
fn closed_ports_refuse_streams_and_datagrams() {
    scenario(|world| {
        let (a, _b) = pair(world);
        let client = tcp(world, &a);
        let to = SocketAddrV4::new(B, 9);
        assert_eq!(client.connect(to, &world.cx()), Err(SocketError::InProgress));
        world.pass(MS * 20);
        assert_eq!(client.connect(to, &world.cx()), Err(SocketError::Refused));
        client.close(&world.cx());
        let udp = UdpSocket::open(&a, SocketOwner::default(), &world.cx()).expect("a socket");
        udp.connect(to, &world.cx()).expect("a route");
        let mut fill = |_: &mut [u8]| Ok::<(), Infallible>(());
        let sent = udp.send(None, 0, &SendControl::default(), &mut fill, &world.cx());
        assert_eq!(sent, Ok(0));
        world.pass(MS * 20);
        assert_eq!(udp.recv(false, |_| ()), Err(SocketError::Refused));
        udp.close(&world.cx());
    });
}

#[test]
fn datagrams_longer_than_the_path_are_fragmented_and_put_together() {
    scenario(|world| {
        let (a, b) = bridged(world);
        let server = UdpSocket::open(&b, SocketOwner::default(), &world.cx()).expect("a socket");
        server.bind(SocketAddrV4::new(B, 53), &world.cx()).expect("free");
        let client = UdpSocket::open(&a, SocketOwner::default(), &world.cx()).expect("a socket");
        let mut fill = |bytes: &mut [u8]| {
            for (at, byte) in bytes.iter_mut().enumerate() {
                *byte = (at / 7) as u8;
            }
            Ok::<(), Infallible>(())
        };
        let to = Some(SocketAddrV4::new(B, 53));
        // The first datagram waits for ARP, which keeps few packets: warm it up.
        for len in [1, 9_000] {
            let sent = client.send(to, len, &SendControl::default(), &mut fill, &world.cx());
            assert_eq!(sent, Ok(len));
            world.pass(MS * 20);
        }
        assert_eq!(server.recv(false, |datagram| datagram.bytes.len()), Ok(1));
        let whole = server.recv(false, |datagram| datagram.bytes.to_vec()).expect("in one piece");
        assert_eq!(whole.len(), 9_000);
        assert!(whole.iter().enumerate().all(|(at, byte)| *byte == (at / 7) as u8));
        client.close(&world.cx());
        server.close(&world.cx());
    });
}

#[test]
fn a_group_is_heard_by_its_members_while_they_are() {
    scenario(|world| {
        let (a, b) = pair(world);
        let group = Ipv4Addr::new(239, 1, 2, 3);
        let members: Vec<_> = (0..2)
            .map(|_| {
                let member = UdpSocket::open(&b, SocketOwner::default(), &world.cx());
                let member = member.expect("a socket");
                member.change_options(|options| options.reuse_addr = true);
                member.bind(SocketAddrV4::new(group, 5_353), &world.cx()).expect("shared");
                member
            })
            .collect();
        let sender = UdpSocket::open(&a, SocketOwner::default(), &world.cx()).expect("a socket");
        sender.bind(SocketAddrV4::new(A, 0), &world.cx()).expect("free");
        let mut fill = |_: &mut [u8]| Ok::<(), Infallible>(());
        let mut send = |world: &World| {
            let to = Some(SocketAddrV4::new(group, 5_353));
            let sent = sender.send(to, 5, &SendControl::default(), &mut fill, &world.cx());
            assert_eq!(sent, Ok(5));
            world.pass(MS * 20);
        };
        send(world);
        assert_eq!(members[0].recv(false, |_| ()), Err(SocketError::WouldBlock));
        assert_eq!(members[0].join_group(group, None, Some(B)), Ok(()));
        assert_eq!(members[0].join_group(group, None, Some(B)), Err(SocketError::AddrInUse));
        assert_eq!(members[1].join_group(B, None, Some(B)), Err(SocketError::Invalid));
        send(world);
        for member in &members {
            let heard = member.recv(false, |datagram| (*datagram.to.ip(), datagram.ttl));
            assert_eq!(heard, Ok((group, 1)));
            assert_eq!(member.recv(false, |_| ()), Err(SocketError::WouldBlock));
        }
        assert_eq!(members[0].leave_group(group, None, Some(B)), Ok(()));
        let again = members[0].leave_group(group, None, None);
        assert_eq!(again, Err(SocketError::AddrNotAvailable));
        send(world);
        assert_eq!(members[0].recv(false, |_| ()), Err(SocketError::WouldBlock));
        for socket in members.iter().chain([&sender]) {
            socket.close(&world.cx());
        }
    });
}

#[test]
fn a_ping_socket_hears_the_reply_and_a_missing_host() {
    scenario(|world| {
        let (a, _b) = pair(world);
        let ping = PingSocket::open(&a, SocketOwner::default(), &world.cx()).expect("a socket");
        ping.change_options(|options| options.receive_errors = true);
        let mut fill = |bytes: &mut [u8]| {
            bytes.fill(0);
            bytes[0] = 8;
            Ok::<(), Infallible>(())
        };
        let mut request = |world: &World, to: Ipv4Addr| {
            let to = Some(SocketAddrV4::new(to, 0));
            ping.send(to, 64, &SendControl::default(), &mut fill, &world.cx())
        };
        assert_eq!(request(world, B), Ok(64));
        world.pass(MS * 20);
        let reply = ping.recv(false, |reply| (*reply.from.ip(), reply.ttl, reply.bytes.len()));
        assert_eq!(reply, Ok((B, 64, 64)));
        assert_eq!(request(world, NOBODY), Ok(64));
        world.pass(Duration::from_secs(5));
        let error = ping.recv_error().expect("the neighbour did not answer");
        assert_eq!(
            (error.what.error, error.what.offender),
            (SocketError::HostUnreachable, Some(A))
        );
        ping.close(&world.cx());
    });
}

#[test]
fn the_same_address_and_port_in_two_namespaces_are_strangers() {
    scenario(|world| {
        let (a, b) = pair(world);
        let (c, d) = pair(world);
        let servers = [listener(world, &b, B, 80), listener(world, &d, B, 80)];
        let to = SocketAddrV4::new(B, 80);
        let client = tcp(world, &c);
        assert_eq!(client.connect(to, &world.cx()), Err(SocketError::InProgress));
        world.pass(MS * 20);
        assert!(servers[0].accept(&world.cx()).is_err());
        let child = servers[1].accept(&world.cx()).expect("its own");
        transfer(world, &client, &child, 10_000);
        assert_eq!(a.sockets.len() + b.sockets.len(), 1);
        for socket in [&client, &child, &servers[0], &servers[1]] {
            socket.close(&world.cx());
        }
    });
}

#[test]
fn a_socket_keeps_its_namespace_and_the_last_close_ends_it() {
    scenario(|world| {
        let (a, b) = pair(world);
        let server = listener(world, &b, B, 80);
        let client = tcp(world, &a);
        assert_eq!(
            client.connect(SocketAddrV4::new(B, 80), &world.cx()),
            Err(SocketError::InProgress)
        );
        world.pass(MS * 20);
        let child = server.accept(&world.cx()).expect("a connection");
        world.release(&a);
        transfer(world, &client, &child, 10_000);
        assert_eq!(world.stack.namespace_count(), 2);
        client.close(&world.cx());
        assert_eq!(world.stack.namespace_count(), 1);
        child.close(&world.cx());
        server.close(&world.cx());
    });
}
