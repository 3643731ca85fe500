//! Frames no honest host sends: every byte changed, every length, deterministic. Nothing
//! panics, nothing is lost uncounted, nothing leaks.

use alloc::vec::Vec;

use warren_platform::Duration;

use super::{Host, PEER_MAC, addr, arp, echo, ip};
use crate::drop_reason::DropReason;
use crate::ids::MacAddr;
use crate::ip::mib::Ip;

/// What became of the frames so far, by every way there is: dropped by name, delivered to
/// the host itself, or kept as a fragment.
fn accounted(host: &Host, link: &crate::Link) -> u64 {
    let drops: u64 = host.ns.drops.nonzero().map(|(_, count)| count).sum();
    drops + link.stats.snapshot().rx_dropped
}

fn samples() -> Vec<(u16, Vec<u8>)> {
    let mut quoting = alloc::vec![3, 3, 0, 0, 0, 0, 0, 0];
    quoting.extend(ip("10.0.0.1", "10.0.0.2", 17, 9, &[1; 16]));
    let mut with_options =
        alloc::vec![0x47, 0, 0, 0, 0, 7, 0, 0, 9, 1, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1];
    with_options.extend([7, 7, 4, 0, 0, 0, 0, 0]);
    with_options.extend(echo(8));
    let len = with_options.len() as u16;
    with_options[2..4].copy_from_slice(&len.to_be_bytes());
    crate::ip::header::seal(&mut with_options[..28]);
    alloc::vec![
        (0x0800, ip("10.0.0.2", "10.0.0.1", 1, 9, &echo(16))),
        (0x0800, ip("10.0.0.2", "10.0.0.1", 1, 9, &quoting)),
        (0x0800, ip("10.0.0.2", "10.0.0.1", 17, 9, &[0, 9, 0, 9, 0, 12, 0, 0, 1, 2, 3, 4])),
        (0x0800, ip("10.0.0.2", "10.0.0.1", 6, 9, &[0; 20])),
        (0x0800, ip("10.0.0.2", "10.1.0.2", 1, 9, &echo(8))),
        (0x0800, with_options),
        (0x0806, arp(1, PEER_MAC, addr("10.0.0.2"), MacAddr::ZERO, addr("10.0.0.1"))),
        (0x0806, arp(2, PEER_MAC, addr("10.0.0.2"), MacAddr::ZERO, addr("10.0.0.1"))),
    ]
}

#[test]
fn every_byte_changed_and_every_length_is_survived_and_counted() {
    let host = Host::new();
    let v0 = host.tap("v0", "10.0.0.1", 24);
    let v1 = host.tap("v1", "10.1.0.1", 24);
    host.ns.set_ip_forward(true);
    let reseal = |bytes: &mut Vec<u8>| {
        let len = usize::from(bytes[0] & 15) * 4;
        if len >= 20 && len <= bytes.len() {
            crate::ip::header::seal(&mut bytes[..len]);
        }
    };
    let mut frames = 0_u64;
    for (ethertype, sample) in samples() {
        let mut mutants: Vec<Vec<u8>> =
            (0..sample.len()).map(|len| sample[..len].to_vec()).collect();
        for at in 0..sample.len() {
            for flip in [0x01, 0x0f, 0x80, 0xff] {
                let mut mutant = sample.clone();
                mutant[at] ^= flip;
                mutants.push(mutant.clone());
                if ethertype == 0x0800 {
                    // The same past the header checksum.
                    reseal(&mut mutant);
                    mutants.push(mutant);
                }
            }
        }
        for mutant in mutants {
            let before = accounted(&host, &v0);
            let mib = &host.ns.ip.mib;
            let handled = || {
                mib.get_ip(Ip::InDelivers)
                    + mib.get_ip(Ip::ForwDatagrams)
                    + mib.get_ip(Ip::ReasmReqds)
            };
            let was_handled = handled();
            host.receive(&v0, v0.mac(), ethertype, &mutant);
            frames += 1;
            if ethertype == 0x0800 {
                let gone = accounted(&host, &v0) - before;
                assert!(gone + handled() - was_handled >= 1, "lost: {mutant:02x?}");
            }
        }
        host.pass(Duration::from_secs(60));
    }
    assert!(frames > 1_000);
    assert_eq!(host.ns.ip.mib.get_ip(Ip::InReceives) + arp_frames(), frames + looped(&host));
    assert!(host.ns.drops.get(DropReason::BadIpHeader) > 100);
    assert!(host.ns.drops.get(DropReason::BadIpChecksum) > 100);
    drop((host.sent(&v0), host.sent(&v1)));
    host.set_up(&v0, false);
    host.set_up(&v1, false);
    host.pass(Duration::from_secs(60));
    drop((host.sent(&v0), host.sent(&v1)));
    assert_eq!(host.stack.pool().stats().outstanding, 0);
}

fn arp_frames() -> u64 {
    let arp = samples().into_iter().filter(|(ethertype, _)| *ethertype == 0x0806);
    arp.map(|(_, sample)| (sample.len() * 5) as u64).sum()
}

/// Packets the host sent itself through `lo` meanwhile.
fn looped(host: &Host) -> u64 {
    let lo = host.ns.link(crate::Ifindex::LOOPBACK).expect("lo");
    lo.stats.snapshot().rx_packets
}
