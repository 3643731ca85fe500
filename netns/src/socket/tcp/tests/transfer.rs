//! Bytes: all of them, in order, whatever the wire does.

use core::net::SocketAddrV4;

use warren_platform::{Duration, Readiness};

use super::{Heard, Pair, RUN, connect, pattern, recv, send, transfer};
use crate::error::SocketError;
use crate::socket::testing::{A, Net};
use crate::socket::{Counter, SocketState};
use alloc::sync::Arc;

#[test]
fn bytes_cross_both_ways_and_the_end_is_seen() {
    let mut net = Net::new();
    let pair = connect(&mut net);
    let Pair { client, server, .. } = &pair;
    assert_eq!(server.peer(), Some(client.local()));
    assert_eq!(client.local().ip(), &A);
    let heard = Arc::new(Heard::default());
    server.set_observer(heard.clone());
    assert_eq!(recv(&net, server, 9), Err(SocketError::WouldBlock));
    assert_eq!(send(&net, client, b"ask"), Ok(3));
    net.run_for(RUN);
    assert_eq!(heard.take(), Readiness::IN);
    assert_eq!(server.queued_in(), 3);
    let mut seen = 0;
    let mut look = |part: &[u8]| {
        seen += part.len();
        part.len()
    };
    assert_eq!(server.recv(2, true, &mut look, &net.cx()), Ok(2));
    assert_eq!(recv(&net, server, 1), Ok(b"a".to_vec()));
    assert_eq!(recv(&net, server, 9), Ok(b"sk".to_vec()));
    net.run_for(RUN);
    assert_eq!(heard.take(), Readiness::empty());
    let bytes = pattern(300_000);
    transfer(&mut net, server, client, &bytes);
    transfer(&mut net, client, server, &bytes);
    pair.close(net);
}

#[test]
fn large_writes_travel_as_super_segments_of_the_routes_mss() {
    let mut net = Net::new();
    let pair = connect(&mut net);
    net.take_log();
    transfer(&mut net, &pair.client, &pair.server, &pattern(1 << 20));
    let log = net.take_log();
    let longest = log.iter().map(alloc::vec::Vec::len).max();
    assert!(longest > Some(32_000), "{longest:?}");
    assert!(log.len() < 400, "{} packets", log.len());
    let segments = net.a.sockets.counters.get(Counter::TcpOutSegs);
    assert!(segments >= (1 << 20) / 1_460, "{segments}");
    pair.close(net);
}

#[test]
fn loss_and_reordering_are_repaired() {
    let mut repaired = 0;
    for seed in 0..12u64 {
        let mut net = Net::new();
        let pair = connect(&mut net);
        net.set_fate(move |number, _| {
            let draw = (number ^ seed << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
            match draw % 100 {
                0..6 => None,
                6..30 => Some(Duration::from_micros(50 + draw % 700)),
                _ => Some(Duration::from_micros(50)),
            }
        });
        transfer(&mut net, &pair.client, &pair.server, &pattern(700_000));
        repaired += net.a.sockets.counters.get(Counter::TcpRetransSegs);
        net.set_fate(|_, _| Some(Duration::from_micros(50)));
        pair.close(net);
    }
    assert!(repaired > 12, "{repaired}");
}

#[test]
fn a_lost_segment_is_sent_again_after_linuxs_200_ms() {
    let mut net = Net::new();
    let pair = connect(&mut net);
    transfer(&mut net, &pair.client, &pair.server, b"warm");
    net.set_fate(|_, _| None);
    assert_eq!(send(&net, &pair.client, b"lost"), Ok(4));
    net.run_for(Duration::from_millis(100));
    net.set_fate(|_, _| Some(Duration::from_micros(50)));
    net.run_for(Duration::from_millis(90));
    assert_eq!(pair.server.queued_in(), 0);
    net.run_for(Duration::from_millis(30));
    assert_eq!(pair.server.queued_in(), 4);
    let counted = |counter| net.a.sockets.counters.get(counter);
    assert_eq!((counted(Counter::TcpRetransSegs), counted(Counter::TcpTimeouts)), (1, 1));
    assert_eq!(recv(&net, &pair.server, 9), Ok(b"lost".to_vec()));
    pair.close(net);
}

#[test]
fn a_full_window_stops_the_sender_and_opens_again() {
    let mut net = Net::new();
    let pair = connect(&mut net);
    let bytes = pattern(1 << 20);
    let mut sent = 0;
    while let Ok(count) = send(&net, &pair.client, &bytes[sent..]) {
        sent += count;
        net.run_for(RUN);
    }
    // Both rings are full.
    assert!((200_000..300_000).contains(&sent), "{sent}");
    assert!(!pair.client.readiness().contains(Readiness::OUT));
    net.run_for(Duration::from_secs(20));
    let heard = Arc::new(Heard::default());
    pair.client.set_observer(heard.clone());
    let mut got = 0;
    for _ in 0..1_000 {
        match recv(&net, &pair.server, 5_000) {
            Ok(part) => {
                assert!(part == bytes[got..got + part.len()]);
                got += part.len();
            }
            Err(error) => assert_eq!(error, SocketError::WouldBlock),
        }
        net.run_for(RUN);
    }
    assert_eq!(got, sent);
    assert_eq!(heard.take(), Readiness::OUT);
    pair.close(net);
}

#[test]
fn a_window_update_that_is_lost_does_not_stop_the_connection() {
    let mut net = Net::new();
    let pair = connect(&mut net);
    let bytes = pattern(1 << 20);
    let mut sent = 0;
    while let Ok(count) = send(&net, &pair.client, &bytes[sent..]) {
        sent += count;
        net.run_for(RUN);
    }
    net.set_fate(|_, _| None);
    let mut got = recv(&net, &pair.server, usize::MAX).expect("full").len();
    net.run_for(Duration::from_millis(500));
    net.set_fate(|_, _| Some(Duration::from_micros(50)));
    net.run_for(Duration::from_secs(60));
    while let Ok(part) = recv(&net, &pair.server, usize::MAX) {
        got += part.len();
        net.run_for(Duration::from_secs(1));
    }
    assert_eq!(got, sent);
    pair.close(net);
}

#[test]
fn a_full_queue_pushes_back_on_the_sender_and_loses_nothing() {
    let mut net = Net::new();
    let pair = connect(&mut net);
    net.set_full_at(2);
    transfer(&mut net, &pair.client, &pair.server, &pattern(400_000));
    // What comes back goes through the same queue: an acknowledgement may be lost there,
    // data is not.
    net.set_full_at(usize::MAX);
    pair.close(net);
}

#[test]
fn a_connection_to_oneself_over_loopback_works() {
    let mut net = Net::new();
    let listener = super::listener(&net, &net.a, 7, 4);
    let client = super::open(&net, &net.a);
    let to = SocketAddrV4::new(core::net::Ipv4Addr::LOCALHOST, 7);
    assert_eq!(client.connect(to, &net.cx()), Err(SocketError::InProgress));
    net.run_for(RUN);
    let server = listener.accept(&net.cx()).expect("a connection");
    assert_eq!(server.state(), SocketState::Established);
    transfer(&mut net, &client, &server, &pattern(200_000));
    Pair { listener, client, server }.close(net);
}
