//! Segments no honest peer sends, in every state: they are survived, and what they leave
//! behind is nothing.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::{Ipv4Addr, SocketAddrV4};

use warren_platform::Duration;

use super::{PORT, RUN, listener, open, pattern, recv, send};
use crate::error::SocketError;
use crate::ids::Ifindex;
use crate::namespace::Namespace;
use crate::socket::deliver::{Cast, Delivery, RxInfo};
use crate::socket::testing::{B, Net};
use crate::socket::{Shutdown, TcpSocket};

/// SplitMix64.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ (mixed >> 27)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

/// Hands `bytes` to the namespace they are addressed to, as L3 would.
fn inject(net: &Net, bytes: &[u8]) {
    if bytes.len() < 20 {
        return;
    }
    let address = |at: usize| Ipv4Addr::new(bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]);
    let (src, dst) = (address(12), address(16));
    let ns: &Arc<Namespace> = if dst == B { &net.b } else { &net.a };
    let mut packet = net.stack.pool().take(bytes.len()).expect("memory");
    packet.bytes_mut().copy_from_slice(bytes);
    packet.meta.checksum = warren_packet::Checksum::Verified;
    let link = ns.link(Ifindex::LOOPBACK).expect("every namespace has lo");
    let info = RxInfo { link, src, dst, protocol: 6, header_len: 20, cast: Cast::Unicast };
    match ns.sockets.deliver(ns, packet, &info, &net.cx()) {
        Delivery::Taken | Delivery::NoSocket(_) => {}
    }
}

/// Changes a segment somewhere it hurts.
fn spoil(bytes: &mut Vec<u8>, draw: &mut Draw) {
    const TCP: usize = 20;
    for _ in 0..=draw.below(2) {
        match draw.below(9) {
            0 => bytes[TCP + 13] = draw.next() as u8,
            at @ (1 | 2) => {
                // The sequence or the acknowledgement, a little or far away.
                let at = TCP + 4 * at;
                let word =
                    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
                let by = match draw.below(4) {
                    0 => 1,
                    1 => 1_460,
                    2 => 0x2_0000,
                    _ => draw.next() as u32,
                };
                let word =
                    if draw.below(2) == 0 { word.wrapping_add(by) } else { word.wrapping_sub(by) };
                bytes[at..at + 4].copy_from_slice(&word.to_be_bytes());
            }
            3 => bytes[TCP + 12] = draw.next() as u8,
            4 => {
                let window = if draw.below(2) == 0 { 0 } else { draw.next() as u16 };
                bytes[TCP + 14..TCP + 16].copy_from_slice(&window.to_be_bytes());
            }
            5 => {
                let len = 20 + draw.below(bytes.len() - 19);
                bytes.truncate(len);
            }
            6 => {
                let more = draw.below(3_000);
                bytes.extend(core::iter::repeat_n(0xa5, more));
            }
            7 => {
                let at = TCP + draw.below(bytes.len() - TCP);
                bytes[at] = draw.next() as u8;
            }
            _ => {}
        }
        if bytes.len() < TCP + 20 {
            break;
        }
    }
    let total = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    bytes[2..4].copy_from_slice(&total.to_be_bytes());
}

/// What users do meanwhile.
fn live(net: &Net, socket: &Arc<TcpSocket>, draw: &mut Draw) {
    match draw.below(12) {
        0..4 => {
            let _: Result<usize, SocketError> = send(net, socket, &pattern(draw.below(9_000)));
        }
        4..9 => {
            let _: Result<Vec<u8>, SocketError> = recv(net, socket, draw.below(20_000));
        }
        9 if draw.below(4) == 0 => {
            let _: Result<(), SocketError> = socket.shutdown(Shutdown::Write, &net.cx());
        }
        _ => {}
    }
}

#[test]
fn spoiled_segments_in_any_state_are_survived() {
    for seed in 0..200u64 {
        let mut draw = Draw(seed);
        let mut net = Net::new();
        let server = listener(&net, &net.b, PORT, 4);
        let client = open(&net, &net.a);
        let to = SocketAddrV4::new(B, PORT);
        assert_eq!(client.connect(to, &net.cx()), Err(SocketError::InProgress));
        let mut ends = Vec::from([client]);
        let mut seen: Vec<Vec<u8>> = Vec::new();
        for turn in 0..120 {
            net.run_for(Duration::from_micros(draw.next() % 400));
            seen.extend(net.take_log());
            if let Ok(child) = server.accept(&net.cx()) {
                ends.push(child);
            }
            for end in &ends {
                live(&net, end, &mut draw);
            }
            if !seen.is_empty() {
                let mut bytes = seen[draw.below(seen.len())].clone();
                if bytes.len() >= 40 {
                    spoil(&mut bytes, &mut draw);
                }
                inject(&net, &bytes);
            }
            if turn == 90 {
                ends.iter().for_each(|end| end.close(&net.cx()));
            }
        }
        net.run_for(RUN);
        while let Ok(child) = server.accept(&net.cx()) {
            child.close(&net.cx());
        }
        for end in ends.iter().chain([&server]) {
            end.close(&net.cx());
        }
        drop((ends, server));
        net.assert_clean();
    }
}
