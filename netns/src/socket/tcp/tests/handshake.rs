//! How connections begin, and how they do not.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::{Ipv4Addr, SocketAddrV4};

use warren_platform::{Duration, Readiness};

use super::{Heard, PORT, RUN, connect, listener, open, recv, send};
use crate::error::SocketError;
use crate::socket::testing::{A, B, Net};
use crate::socket::{Counter, IcmpError, Quoted, SocketOwner, TcpSocket};
use crate::socket::{SocketState, snapshot::SocketTimer};

const TO: SocketAddrV4 = SocketAddrV4::new(B, PORT);

#[test]
fn nobody_listening_is_connection_refused() {
    let mut net = Net::new();
    let client = open(&net, &net.a);
    let heard = Arc::new(Heard::default());
    client.set_observer(heard.clone());
    assert_eq!(client.connect(TO, &net.cx()), Err(SocketError::InProgress));
    assert_eq!(client.connect(TO, &net.cx()), Err(SocketError::AlreadyConnecting));
    net.run_for(RUN);
    assert!(heard.take().contains(Readiness::ERR | Readiness::HUP));
    assert_eq!(client.connect(TO, &net.cx()), Err(SocketError::Refused));
    assert_eq!(net.b.sockets.counters.get(Counter::TcpOutRsts), 1);
    assert_eq!(client.state(), SocketState::Close);
    // The socket is as good as new.
    let server = listener(&net, &net.b, PORT, 1);
    assert_eq!(client.connect(TO, &net.cx()), Err(SocketError::InProgress));
    net.run_for(RUN);
    assert_eq!(client.connect(TO, &net.cx()), Ok(()));
    assert_eq!(client.connect(TO, &net.cx()), Err(SocketError::IsConnected));
    client.close(&net.cx());
    server.close(&net.cx());
    drop((client, server));
    net.assert_clean();
}

#[test]
fn silence_is_a_timeout_after_seven_syns_and_127_seconds() {
    let mut net = Net::new();
    net.set_fate(|_, _| None);
    let client = open(&net, &net.a);
    assert_eq!(client.connect(TO, &net.cx()), Err(SocketError::InProgress));
    net.run_for(Duration::from_millis(126_900));
    assert_eq!(client.state(), SocketState::SynSent);
    assert_eq!(net.sent(), 7);
    net.run_for(Duration::from_millis(200));
    assert_eq!(client.take_error(), Some(SocketError::TimedOut));
    assert_eq!(net.sent(), 7);
    client.close(&net.cx());
    drop(client);
    net.assert_clean();
}

#[test]
fn an_unreachable_host_ends_the_handshake_at_once() {
    let mut net = Net::new();
    net.set_fate(|_, _| None);
    let client = open(&net, &net.a);
    let nowhere = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), PORT);
    assert_eq!(client.connect(nowhere, &net.cx()), Err(SocketError::NetUnreachable));
    assert_eq!(client.connect(TO, &net.cx()), Err(SocketError::InProgress));
    let syn = net.take_log().pop().expect("a SYN");
    let quoted = Quoted { protocol: 6, src: A, dst: B, transport: &syn[20..] };
    let error = IcmpError { icmp_type: 3, code: 1, offender: A, mtu: 0 };
    // A forged error with another sequence number is not believed.
    let mut forged = syn[20..28].to_vec();
    forged[4] ^= 0x40;
    net.a.sockets.icmp_error(&net.a, &Quoted { transport: &forged, ..quoted }, &error, &net.cx());
    assert_eq!(client.state(), SocketState::SynSent);
    net.a.sockets.icmp_error(&net.a, &quoted, &error, &net.cx());
    assert_eq!(client.connect(TO, &net.cx()), Err(SocketError::HostUnreachable));
    client.close(&net.cx());
    drop(client);
    net.run_for(RUN);
    net.assert_clean();
}

#[test]
fn a_lost_syn_ack_is_repeated() {
    let mut net = Net::new();
    net.set_fate(|number, _| (number != 1).then_some(Duration::from_micros(50)));
    let server = listener(&net, &net.b, PORT, 1);
    let client = open(&net, &net.a);
    assert_eq!(client.connect(TO, &net.cx()), Err(SocketError::InProgress));
    net.run_for(Duration::from_millis(500));
    assert_eq!(client.state(), SocketState::SynSent);
    let lines = net.b.sockets.tcp_sockets().expect("memory");
    assert_eq!((lines[0].state, lines[1].state), (SocketState::Listen, SocketState::SynReceived));
    assert_eq!(lines[1].timer, SocketTimer::Retransmit);
    net.run_for(Duration::from_secs(1));
    assert_eq!(client.state(), SocketState::Established);
    assert!(server.accept(&net.cx()).is_ok_and(|child| {
        child.close(&net.cx());
        true
    }));
    client.close(&net.cx());
    server.close(&net.cx());
    drop((client, server));
    net.assert_clean();
}

#[test]
fn half_open_connections_cost_little_and_end() {
    let mut net = Net::new();
    let server = listener(&net, &net.b, PORT, 4);
    // Nothing comes back: the handshakes hang at the SYN-ACK.
    net.set_fate(|_, packet| {
        (packet.bytes()[12..16] == A.octets()).then_some(Duration::from_micros(50))
    });
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let client = open(&net, &net.a);
            assert_eq!(client.connect(TO, &net.cx()), Err(SocketError::InProgress));
            client
        })
        .collect();
    net.run_for(Duration::from_millis(500));
    let half_open = net.b.sockets.tcp_sockets().expect("memory").len() - 1;
    assert_eq!(half_open, 5, "the backlog and one");
    assert_eq!(net.b.sockets.counters.get(Counter::ListenDrops), 3);
    assert_eq!(net.b.sockets.stat().tcp_bytes, 0);
    for client in &clients {
        client.close(&net.cx());
    }
    net.run_for(Duration::from_secs(64));
    assert_eq!(net.b.sockets.tcp_sockets().expect("memory").len(), 1);
    server.close(&net.cx());
    drop((clients, server));
    net.assert_clean();
}

#[test]
fn a_full_accept_queue_makes_clients_wait_not_fail() {
    let mut net = Net::new();
    let server = listener(&net, &net.b, PORT, 1);
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let client = open(&net, &net.a);
            assert_eq!(client.connect(TO, &net.cx()), Err(SocketError::InProgress));
            net.run_for(RUN);
            client
        })
        .collect();
    let established =
        clients.iter().filter(|client| client.state() == SocketState::Established).count();
    assert_eq!(established, 2, "the backlog and one");
    assert!(net.b.sockets.counters.get(Counter::ListenOverflows) > 0);
    for _ in 0..4 {
        for _ in 0..40 {
            if server.readiness().contains(Readiness::IN) {
                break;
            }
            net.run_for(Duration::from_secs(1));
        }
        server.accept(&net.cx()).expect("one more").close(&net.cx());
    }
    for client in &clients {
        client.close(&net.cx());
    }
    server.close(&net.cx());
    drop((clients, server));
    net.assert_clean();
}

#[test]
fn ports_run_out_per_destination_and_come_back() {
    let mut net = Net::new();
    net.set_fate(|_, _| None);
    // Small rings: 28 232 connections are to fit the bound.
    let clients: Vec<_> = (0..28_232)
        .map_while(|_| {
            let client = open(&net, &net.a);
            client.change_options(&net.cx(), |options| {
                options.set_rcvbuf(1);
                options.set_sndbuf(1);
            });
            match client.connect(TO, &net.cx()) {
                Err(SocketError::InProgress) => Some(client),
                Err(SocketError::NoBuffer) => {
                    client.close(&net.cx());
                    None
                }
                other => panic!("{other:?}"),
            }
        })
        .collect();
    // The bound on ring memory comes first.
    assert!((9_000..10_000).contains(&clients.len()), "{}", clients.len());
    for client in &clients {
        client.close(&net.cx());
    }
    drop(clients);
    // The rest of the range is taken by bound sockets.
    let bound: Vec<Arc<TcpSocket>> = (32_768..=60_999)
        .map(|port| {
            let socket = open(&net, &net.a);
            let any = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port);
            socket.bind(any, &net.cx()).expect("free");
            socket
        })
        .collect();
    let late = open(&net, &net.a);
    assert_eq!(late.connect(TO, &net.cx()), Err(SocketError::AddrNotAvailable));
    assert_eq!(late.listen(1, &net.cx()), Err(SocketError::AddrInUse));
    bound[0].close(&net.cx());
    assert_eq!(late.connect(TO, &net.cx()), Err(SocketError::InProgress));
    assert_eq!(late.local().port(), 32_768);
    for socket in bound.iter().chain([&late]) {
        socket.close(&net.cx());
    }
    drop((bound, late));
    net.run_for(RUN);
    net.assert_clean();
}

#[test]
fn simultaneous_opens_meet() {
    let mut net = Net::new();
    let ends: Vec<_> = [(net.a.clone(), A, B), (net.b.clone(), B, A)]
        .into_iter()
        .map(|(ns, own, other)| {
            let socket = TcpSocket::open(&ns, SocketOwner::default(), &net.cx()).expect("one");
            socket.bind(SocketAddrV4::new(own, 5_000), &net.cx()).expect("free");
            let begun = socket.connect(SocketAddrV4::new(other, 5_000), &net.cx());
            assert_eq!(begun, Err(SocketError::InProgress));
            socket
        })
        .collect();
    net.run_for(Duration::from_secs(10));
    for end in &ends {
        assert_eq!(end.state(), SocketState::Established);
    }
    assert_eq!(send(&net, &ends[0], b"hi"), Ok(2));
    net.run_for(RUN);
    assert_eq!(recv(&net, &ends[1], 9), Ok(b"hi".to_vec()));
    for end in &ends {
        end.close(&net.cx());
    }
    drop(ends);
    net.assert_clean();
}

#[test]
fn the_same_address_and_port_in_two_namespaces_are_two_listeners() {
    let mut net = Net::new();
    let in_a = listener(&net, &net.a, PORT, 1);
    let pair = connect(&mut net);
    assert_eq!(in_a.accept(&net.cx()).err(), Some(SocketError::WouldBlock));
    let second = open(&net, &net.b);
    let any = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, PORT);
    second.change_options(&net.cx(), |options| options.reuse_addr = true);
    assert_eq!(second.bind(any, &net.cx()), Err(SocketError::AddrInUse));
    second.close(&net.cx());
    in_a.close(&net.cx());
    drop((in_a, second));
    pair.close(net);
}
