//! Frames nobody sane sends: whatever a neighbour puts on the wire, nothing panics, nothing
//! hangs, nothing is kept for ever.

use core::net::SocketAddrV4;
use std::sync::Arc;

use warren_netns::socket::{SocketOwner, TcpSocket, UdpSocket};
use warren_netns::{Link, MacAddr, Namespace};
use warren_packet::MAX_FRAME;
use warren_platform::Duration;
use warren_tests::inet::{Ping, ip};
use warren_tests::random::Random;
use warren_tests::{World, scenarios};

const VICTIM: [u8; 4] = [10, 0, 0, 2];

/// The sum of RFC 1071 over `bytes`.
fn checksum(bytes: &[u8]) -> [u8; 2] {
    let mut sum: u32 = 0;
    for pair in bytes.chunks(2) {
        sum += u32::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!u16::try_from(sum).expect("folded")).to_be_bytes()
}

/// A plausible frame for the victim: ARP, or IPv4 around ICMP, UDP, TCP or anything.
fn plausible(random: &mut Random, to: MacAddr) -> Vec<u8> {
    let mut frame = Vec::new();
    let group = random.below(8) == 0;
    frame.extend(if group { MacAddr::BROADCAST.0 } else { to.0 });
    frame.extend([2, 0, 0, 0, 0, u8::try_from(random.below(4)).expect("small")]);
    if random.below(4) == 0 {
        frame.extend([0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0]);
        frame.push(u8::try_from(1 + random.below(2)).expect("request or reply"));
        frame.extend([2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        frame.extend(VICTIM);
        return frame;
    }
    frame.extend([0x08, 0x00]);
    let payload = random.below(200);
    let protocol = [1, 6, 17, 17, 2, 0xff][random.below(6)];
    let total = u16::try_from(20 + payload).expect("short").to_be_bytes();
    // Fragments now and then, of few datagrams, so that some meet.
    let fragment = if random.below(3) == 0 {
        let more = if random.below(2) == 0 { 0x20 } else { 0 };
        [more, u8::try_from(random.below(30)).expect("small")]
    } else {
        [0x40, 0]
    };
    let id = u8::try_from(random.below(4)).expect("small");
    let header = [0x45, 0, total[0], total[1], 0, id, fragment[0], fragment[1], 64, protocol, 0, 0];
    frame.extend(header);
    frame.extend([10, 0, 0, u8::try_from(1 + random.below(3)).expect("small")]);
    frame.extend(VICTIM);
    let start = frame.len();
    frame.extend((0..payload).map(|_| random.next().to_le_bytes()[0]));
    let ports: [u8; 4] = [0x30, 0x39, 0, [80, 53, 9][random.below(3)]];
    for (slot, byte) in frame[start..].iter_mut().zip(ports) {
        *slot = byte;
    }
    if protocol == 1 && payload >= 8 {
        frame[start] = [8, 0, 3, 5, 11, 12, 13][random.below(7)];
        frame[start + 1] = u8::try_from(random.below(5)).expect("small");
        frame[start + 2..start + 4].fill(0);
        let sum = checksum(&frame[start..]);
        frame[start + 2..start + 4].copy_from_slice(&sum);
    }
    frame
}

/// Spoils a frame, more often behind a header checksum that is right than not.
fn spoil(random: &mut Random, frame: &mut Vec<u8>) {
    for _ in 0..random.below(4) {
        let at = random.below(frame.len());
        frame[at] = random.next().to_le_bytes()[0];
    }
    if random.below(6) == 0 {
        frame.truncate(random.below(frame.len()) + 1);
    }
    if random.below(50) == 0 {
        frame.resize(random.below(MAX_FRAME) + 1, 0);
    }
    let is_ipv4 = frame.get(12..14) == Some(&[0x08, 0x00]);
    if is_ipv4 && frame.len() >= 34 && random.below(8) != 0 {
        let len = (usize::from(frame[14] & 0x0f) * 4).clamp(20, 60).min(frame.len() - 14);
        frame[24..26].fill(0);
        let sum = checksum(&frame[14..14 + len]);
        frame[24..26].copy_from_slice(&sum);
    }
}

/// Who is shot at: sockets of every sort, behind a veth end or a bridge.
struct Victim {
    ns: Arc<Namespace>,
    link: Arc<Link>,
    udp: Arc<UdpSocket>,
    tcp: Arc<TcpSocket>,
    ping: Ping,
}

fn victim(world: &mut World, bridged: bool) -> (Victim, Arc<Link>) {
    let (attacker, ns) = (world.namespace(), world.namespace());
    let (wire, port) = world.veth((&attacker, "w0"), (&ns, "eth0"));
    let link = if bridged {
        let bridge = world.bridge(&ns, "br0");
        world.join(&port, &bridge).expect("a port");
        world.up(&[&bridge]);
        bridge
    } else {
        port.clone()
    };
    world.up(&[&port, &wire, &ns.find_link(b"lo").expect("always there")]);
    world.address(&link, "10.0.0.2/24");
    let owner = SocketOwner { uid: 0 };
    let any = |port| SocketAddrV4::new(ip("0.0.0.0"), port);
    let udp = UdpSocket::open(&ns, owner, &world.cx()).expect("a socket");
    udp.bind(any(53), &world.cx()).expect("a free port");
    let tcp = TcpSocket::open(&ns, owner, &world.cx()).expect("a socket");
    tcp.bind(any(80), &world.cx()).expect("a free port");
    tcp.listen(4, &world.cx()).expect("a bound socket listens");
    let ping = Ping::open(world, &ns);
    (Victim { ns, link, udp, tcp, ping }, wire)
}

#[test]
fn whatever_comes_by_wire_the_namespace_lives_on() {
    scenarios(12, |world, seed| {
        let mut random = Random::new(seed);
        let (mut victim, wire) = victim(world, seed % 2 == 1);
        victim.ns.set_ip_forward(seed % 3 == 0);
        for round in 0..2_000 {
            let mut frame = plausible(&mut random, victim.link.mac());
            spoil(&mut random, &mut frame);
            let mut packet = world.stack.pool().take(frame.len()).expect("the pool is large");
            packet.bytes_mut().copy_from_slice(&frame);
            drop(world.send(&wire, packet));
            if round % 50 == 0 {
                let _: Result<(), _> = victim.ping.send(world, ip("10.0.0.1"), 8);
                world.pass(Duration::from_millis(random.next() % 2_000));
            }
            while victim.udp.recv(false, |_| ()).is_ok() {}
        }
        let seen = victim.link.stats.snapshot().rx_packets;
        assert!(seen > 1_000, "only {seen} frames arrived");
        // It still answers itself.
        let mut own = Ping::open(world, &victim.ns);
        assert!(own.once(world, ip("10.0.0.2")).is_ok());
        own.close(world);
        victim.ping.close(world);
        victim.udp.close(&world.cx());
        victim.tcp.close(&world.cx());
        // What came in pieces is given up, and half-open connections with it.
        world.pass(Duration::from_secs(300));
        world.down(&[&victim.link]);
        world.pass(Duration::from_secs(300));
        assert_eq!(world.stack.pool().stats().outstanding, 0, "packets kept for ever");
    });
}
