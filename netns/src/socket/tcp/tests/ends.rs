//! How connections end.

use core::net::{Ipv4Addr, SocketAddrV4};

use alloc::sync::Arc;
use warren_platform::{Duration, Readiness};

use super::{Heard, PORT, Pair, RUN, connect, open, pattern, recv, send, transfer};
use crate::error::SocketError;
use crate::socket::testing::Net;
use crate::socket::{Counter, Shutdown, SocketState};

fn states(net: &Net) -> [usize; 2] {
    [&net.a, &net.b].map(|ns| ns.sockets.stat().tcp_time_wait)
}

#[test]
fn the_end_of_one_direction_leaves_the_other_open() {
    let mut net = Net::new();
    let pair = connect(&mut net);
    let Pair { client, server, .. } = &pair;
    let heard = Arc::new(Heard::default());
    server.set_observer(heard.clone());
    assert_eq!(send(&net, client, b"last"), Ok(4));
    assert_eq!(client.shutdown(Shutdown::Write, &net.cx()), Ok(()));
    assert_eq!(send(&net, client, b"x"), Err(SocketError::Shutdown));
    net.run_for(RUN);
    assert!(heard.take().contains(Readiness::IN | Readiness::RDHUP));
    assert_eq!((client.state(), server.state()), (SocketState::FinWait2, SocketState::CloseWait));
    assert_eq!(recv(&net, server, 9), Ok(b"last".to_vec()));
    assert_eq!(recv(&net, server, 9), Ok(alloc::vec::Vec::new()));
    transfer(&mut net, server, client, &pattern(150_000));
    // FIN-WAIT-2 has no end while a process has the socket.
    net.run_for(Duration::from_secs(600));
    assert_eq!(client.state(), SocketState::FinWait2);
    assert_eq!(send(&net, server, b"still"), Ok(5));
    server.close(&net.cx());
    net.run_for(RUN);
    assert_eq!(states(&net), [1, 0]);
    // What came before the end is read after it.
    assert_eq!(recv(&net, client, 9), Ok(b"still".to_vec()));
    assert_eq!(recv(&net, client, 9), Ok(alloc::vec::Vec::new()));
    assert_eq!(client.state(), SocketState::Close);
    pair.close(net);
}

#[test]
fn a_close_delivers_what_was_sent_and_waits_a_minute() {
    let mut net = Net::new();
    let pair = connect(&mut net);
    let bytes = pattern(100_000);
    assert_eq!(send(&net, &pair.client, &bytes), Ok(bytes.len()));
    pair.client.close(&net.cx());
    let mut got = 0;
    loop {
        net.run_for(RUN);
        match recv(&net, &pair.server, 4_000) {
            Ok(part) if part.is_empty() => break,
            Ok(part) => got += part.len(),
            Err(error) => assert_eq!(error, SocketError::WouldBlock),
        }
    }
    assert_eq!(got, bytes.len());
    assert_eq!(net.a.sockets.stat().tcp_orphans, 1);
    pair.server.close(&net.cx());
    net.run_for(RUN);
    assert_eq!(states(&net), [1, 0]);
    net.run_for(Duration::from_secs(59));
    assert_eq!(states(&net), [1, 0]);
    net.run_for(Duration::from_secs(2));
    assert_eq!(states(&net), [0, 0]);
    pair.close(net);
}

#[test]
fn simultaneous_closes_wait_on_both_sides() {
    let mut net = Net::new();
    let pair = connect(&mut net);
    pair.client.close(&net.cx());
    pair.server.close(&net.cx());
    net.run_for(RUN);
    assert_eq!(states(&net), [1, 1]);
    pair.close(net);
}

#[test]
fn a_close_with_unread_data_resets() {
    let mut net = Net::new();
    let pair = connect(&mut net);
    assert_eq!(send(&net, &pair.client, b"unread"), Ok(6));
    net.run_for(RUN);
    pair.server.close(&net.cx());
    net.run_for(RUN);
    assert_eq!(net.b.sockets.counters.get(Counter::TcpAbortOnClose), 1);
    assert!(pair.client.readiness().contains(Readiness::ERR | Readiness::HUP));
    assert_eq!(recv(&net, &pair.client, 9), Err(SocketError::Reset));
    assert_eq!(recv(&net, &pair.client, 9), Ok(alloc::vec::Vec::new()));
    assert_eq!(send(&net, &pair.client, b"x"), Err(SocketError::Shutdown));
    assert_eq!(states(&net), [0, 0]);
    pair.close(net);
}

#[test]
fn what_came_before_a_reset_is_read_before_the_error() {
    let mut net = Net::new();
    let pair = connect(&mut net);
    assert_eq!(send(&net, &pair.server, b"first"), Ok(5));
    net.run_for(RUN);
    pair.server.change_options(&net.cx(), |options| options.linger = Some(Duration::ZERO));
    pair.server.close(&net.cx());
    net.run_for(RUN);
    assert_eq!(recv(&net, &pair.client, 9), Ok(b"first".to_vec()));
    assert_eq!(recv(&net, &pair.client, 9), Err(SocketError::Reset));
    pair.close(net);
}

#[test]
fn data_for_an_orphan_is_answered_with_a_reset() {
    let mut net = Net::new();
    let pair = connect(&mut net);
    pair.client.close(&net.cx());
    net.run_for(RUN);
    assert_eq!(send(&net, &pair.server, b"late"), Ok(4));
    net.run_for(RUN);
    assert_eq!(net.a.sockets.counters.get(Counter::TcpAbortOnData), 1);
    assert_eq!(send(&net, &pair.server, b"x"), Err(SocketError::Shutdown));
    pair.close(net);
}

#[test]
fn an_orphan_leaves_fin_wait_2_after_a_minute() {
    let mut net = Net::new();
    let pair = connect(&mut net);
    pair.client.close(&net.cx());
    net.run_for(Duration::from_secs(59));
    assert_eq!(net.a.sockets.stat().tcp_orphans, 1);
    net.run_for(Duration::from_secs(2));
    assert_eq!(net.a.sockets.stat().tcp_orphans, 0);
    assert_eq!(pair.server.state(), SocketState::CloseWait);
    pair.close(net);
}

#[test]
fn a_peer_that_vanishes_times_out() {
    let mut net = Net::new();
    let pair = connect(&mut net);
    net.set_fate(|_, _| None);
    assert_eq!(send(&net, &pair.client, b"anybody?"), Ok(8));
    net.run_for(Duration::from_secs(900));
    assert_eq!(pair.client.state(), SocketState::Established);
    net.run_for(Duration::from_secs(30));
    assert_eq!(recv(&net, &pair.client, 9), Err(SocketError::TimedOut));
    pair.close(net);
}

#[test]
fn keepalive_finds_a_vanished_peer_and_spares_a_living_one() {
    let mut net = Net::new();
    let pair = connect(&mut net);
    let every = |options: &mut crate::socket::SocketOptions| {
        options.keepalive = true;
        options.tcp.set_keep_idle(10).expect("in bounds");
        options.tcp.set_keep_interval(5).expect("in bounds");
        options.tcp.set_keep_count(3).expect("in bounds");
    };
    pair.client.change_options(&net.cx(), every);
    net.run_for(Duration::from_secs(100));
    assert_eq!(pair.client.state(), SocketState::Established);
    let probes = net.a.sockets.counters.get(Counter::TcpKeepAlive);
    assert!((8..=10).contains(&probes), "{probes}");
    net.set_fate(|_, _| None);
    net.run_for(Duration::from_secs(40));
    assert_eq!(recv(&net, &pair.client, 9), Err(SocketError::TimedOut));
    pair.close(net);
}

#[test]
fn connections_nobody_accepted_are_reset_with_their_listener() {
    let mut net = Net::new();
    let server = super::listener(&net, &net.b, PORT, 4);
    let client = open(&net, &net.a);
    let to = SocketAddrV4::new(crate::socket::testing::B, PORT);
    assert_eq!(client.connect(to, &net.cx()), Err(SocketError::InProgress));
    net.run_for(RUN);
    server.close(&net.cx());
    net.run_for(RUN);
    assert_eq!(client.take_error(), Some(SocketError::Reset));
    client.close(&net.cx());
    drop((client, server));
    net.assert_clean();
}

#[test]
fn a_port_in_time_wait_is_free_for_reuse_addr_alone() {
    let mut net = Net::new();
    let pair = connect(&mut net);
    // The server closes first: its end waits.
    pair.server.close(&net.cx());
    net.run_for(RUN);
    pair.client.close(&net.cx());
    pair.listener.close(&net.cx());
    net.run_for(RUN);
    assert_eq!(states(&net), [0, 1]);
    let any = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, PORT);
    let next = open(&net, &net.b);
    assert_eq!(next.bind(any, &net.cx()), Err(SocketError::AddrInUse));
    next.change_options(&net.cx(), |options| options.reuse_addr = true);
    assert_eq!(next.bind(any, &net.cx()), Err(SocketError::AddrInUse), "the old one did not");
    net.run_for(Duration::from_secs(61));
    assert_eq!(next.bind(any, &net.cx()), Ok(()));
    next.close(&net.cx());
    drop(next);
    pair.close(net);
}

#[test]
fn a_namespace_takes_its_orphans_along() {
    let mut net = Net::new();
    let pair = connect(&mut net);
    net.set_fate(|_, _| None);
    assert_eq!(send(&net, &pair.client, b"x"), Ok(1));
    pair.client.close(&net.cx());
    assert_eq!(net.a.sockets.stat().tcp_orphans, 1);
    net.a.release(&net.cx());
    assert_eq!(net.a.sockets.stat().tcp_orphans, 0);
    assert_eq!(net.a.sockets.stat().tcp_bytes, 0);
    assert_eq!(net.a.deadlines.earliest(), None);
    net.a.hold();
    pair.close(net);
}

/// Whether a packet is a bare acknowledgement: no data, no SYN, FIN or RST.
fn is_bare_ack(packet: &[u8]) -> bool {
    packet.len() == 40 && packet[33] == 0x10
}

#[test]
fn a_lost_last_acknowledgement_is_repeated_from_time_wait() {
    let mut net = Net::new();
    let pair = connect(&mut net);
    pair.client.close(&net.cx());
    net.run_for(RUN);
    net.set_fate(|_, packet| (!is_bare_ack(packet.bytes())).then_some(Duration::from_micros(50)));
    pair.server.close(&net.cx());
    net.run_for(RUN);
    assert_eq!(states(&net), [1, 0]);
    assert_eq!(net.b.sockets.stat().tcp_orphans, 1, "the FIN is not acknowledged");
    net.set_fate(|_, _| Some(Duration::from_micros(50)));
    net.run_for(Duration::from_millis(500));
    assert_eq!(net.b.sockets.stat().tcp_orphans, 0);
    assert_eq!(states(&net), [1, 0]);
    pair.close(net);
}

#[test]
fn time_wait_gives_way_to_a_new_connection() {
    let mut net = Net::new();
    let pair = connect(&mut net);
    let from = pair.client.local();
    pair.server.close(&net.cx());
    net.run_for(RUN);
    pair.client.close(&net.cx());
    net.run_for(RUN);
    assert_eq!(states(&net), [0, 1]);
    // The same 4-tuple, the other end still waiting. Whatever the new sequence number is,
    // one of the first SYNs gets through (RFC 9293, 3.6.1; RFC 1337 in Linux's reading).
    let again = open(&net, &net.a);
    again.bind(from, &net.cx()).expect("free");
    let to = SocketAddrV4::new(crate::socket::testing::B, PORT);
    assert_eq!(again.connect(to, &net.cx()), Err(SocketError::InProgress));
    net.run_for(Duration::from_secs(4));
    assert_eq!(again.connect(to, &net.cx()), Ok(()));
    let child = pair.listener.accept(&net.cx()).expect("a connection");
    transfer(&mut net, &again, &child, &pattern(10_000));
    again.close(&net.cx());
    child.close(&net.cx());
    drop((again, child));
    pair.close(net);
}

#[test]
fn an_orphan_whose_peer_vanished_ends() {
    let mut net = Net::new();
    let pair = connect(&mut net);
    assert_eq!(send(&net, &pair.client, &pattern(50_000)), Ok(50_000));
    net.set_fate(|_, _| None);
    pair.client.close(&net.cx());
    net.run_for(Duration::from_secs(95));
    assert_eq!(net.a.sockets.stat().tcp_orphans, 1);
    net.run_for(Duration::from_secs(15));
    assert_eq!(net.a.sockets.stat().tcp_orphans, 0);
    pair.close(net);
}

#[test]
fn whatever_is_lost_nothing_is_left() {
    for seed in 0..40u64 {
        let mut net = Net::new();
        let draw = move |number: u64| {
            ((number + 1) ^ (seed << 40)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33
        };
        net.set_fate(move |number, _| match draw(number) % 10 {
            0..3 => None,
            more => Some(Duration::from_micros(50 * more)),
        });
        let server = super::listener(&net, &net.b, PORT, 2);
        let clients: alloc::vec::Vec<_> = (0..4)
            .map(|_| {
                let client = open(&net, &net.a);
                let to = SocketAddrV4::new(crate::socket::testing::B, PORT);
                assert_eq!(client.connect(to, &net.cx()), Err(SocketError::InProgress));
                client
            })
            .collect();
        for turn in 0..20 {
            net.run_for(Duration::from_millis(draw(turn) % 900));
            for client in &clients {
                // Any error will do; the point is what remains.
                let _ = send(&net, client, &pattern(3_000));
                let _ = recv(&net, client, 1_000);
            }
            if let Ok(child) = server.accept(&net.cx()) {
                let _ = recv(&net, &child, 5_000);
                let _ = send(&net, &child, b"answer");
                if turn % 2 == 0 {
                    let _ = child.shutdown(Shutdown::Write, &net.cx());
                }
                child.close(&net.cx());
            }
        }
        for client in &clients {
            client.close(&net.cx());
        }
        server.close(&net.cx());
        drop((clients, server));
        net.assert_clean();
    }
}
