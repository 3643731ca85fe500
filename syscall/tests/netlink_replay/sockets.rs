//! What the sockets themselves do: ports, groups, losses, dumps in parts.

use std::sync::Arc;

use warren_platform::Readiness;
use warren_syscall::abi::{SOCK_RAW, SOCK_STREAM};
use warren_syscall::errno::Errno;
use warren_syscall::netlink::NetlinkSocket;
use warren_syscall::sockaddr::SockAddr;

use crate::shell::{self, Request};
use crate::world::World;

const RTMGRP_LINK: u32 = 1;

fn open(world: &World) -> Arc<NetlinkSocket> {
    NetlinkSocket::open(&world.root, SOCK_RAW, 0).expect("a socket")
}

fn bind(world: &World, socket: &Arc<NetlinkSocket>, port: u32, groups: u32) -> Result<(), Errno> {
    socket.bind(SockAddr::netlink(port, groups).as_bytes(), world, &world.cx())
}

fn port_of(socket: &NetlinkSocket) -> u32 {
    let address = socket.local_address();
    assert_eq!(address.as_bytes().len(), 12);
    u32::from_ne_bytes(address.as_bytes()[4..8].try_into().expect("four bytes"))
}

fn toggle(world: &World, name: &str, up: u8) {
    let index = world.root.find_link(name.as_bytes()).expect("a link").ifindex().get();
    let mut fixed = [0; 16];
    fixed[4..8].copy_from_slice(&index.to_le_bytes());
    fixed[8] = up;
    fixed[12] = 1;
    let socket = open(world);
    let request = Request::new(16, &fixed).finish();
    socket.send(None, &request, world, &world.cx()).expect("sent");
    socket.close(&world.cx());
}

#[test]
fn other_types_and_protocols_are_refused() {
    let world = World::new();
    let open = |kind, protocol| NetlinkSocket::open(&world.root, kind, protocol).map(drop);
    assert_eq!(open(SOCK_STREAM, 0), Err(Errno::ESOCKTNOSUPPORT));
    for protocol in [-1, 4, 12, 16, 99] {
        assert_eq!(open(SOCK_RAW, protocol), Err(Errno::EPROTONOSUPPORT), "{protocol}");
    }
}

#[test]
fn the_first_socket_has_the_process_id_and_no_port_is_given_twice() {
    let world = World::new();
    let sockets: Vec<_> = (0..20).map(|_| open(&world)).collect();
    for socket in &sockets {
        bind(&world, socket, 0, 0).expect("a port");
    }
    let mut ports: Vec<u32> = sockets.iter().map(|socket| port_of(socket)).collect();
    assert_eq!(ports[0], 9);
    assert!(ports[1..].iter().all(|port| (port.cast_signed()) < -4_096));
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), 20);
    let other = open(&world);
    assert_eq!(bind(&world, &other, 9, 0), Err(Errno::EADDRINUSE));
    sockets[0].close(&world.cx());
    assert_eq!(bind(&world, &other, 9, 0), Ok(()));
    assert_eq!(bind(&world, &other, 10, 0), Err(Errno::EINVAL));
}

#[test]
fn a_member_of_a_group_hears_it_until_it_leaves() {
    let mut world = World::new();
    shell::run(&mut world, "ip link add d0 type dummy");
    let listener = open(&world);
    bind(&world, &listener, 0, RTMGRP_LINK).expect("bound");
    toggle(&world, "d0", 1);
    assert!(listener.readiness().contains(Readiness::IN));
    let heard = listener.receive(8_192, false, &world.cx()).expect("a notification");
    assert_eq!(heard.bytes[4..6], 16_u16.to_le_bytes());
    assert_eq!(heard.sender.as_bytes()[8..12], 1_u32.to_ne_bytes());
    // NETLINK_DROP_MEMBERSHIP
    listener.set_option(2, &1_u32.to_le_bytes()).expect("left");
    toggle(&world, "d0", 0);
    assert_eq!(listener.receive(8_192, false, &world.cx()).err(), Some(Errno::EAGAIN));
    for group in [0_u32, 37, u32::MAX] {
        assert_eq!(listener.set_option(1, &group.to_le_bytes()), Err(Errno::EINVAL), "{group}");
    }
    assert_eq!(listener.set_option(77, &[0; 4]), Err(Errno::ENOPROTOOPT));
}

#[test]
fn a_listener_that_does_not_read_loses_news_and_is_told_once() {
    let mut world = World::new();
    shell::run(&mut world, "ip link add d0 type dummy");
    let listener = open(&world);
    bind(&world, &listener, 0, RTMGRP_LINK).expect("bound");
    listener.with_options(|options| options.receive_limit = 4_096);
    for round in 0..50 {
        toggle(&world, "d0", 1 - round % 2);
    }
    assert!(listener.readiness().contains(Readiness::ERR));
    let receive = || listener.receive(8_192, false, &world.cx());
    assert_eq!(receive().err(), Some(Errno::ENOBUFS));
    let mut kept = 0;
    while receive().is_ok() {
        kept += 1;
    }
    assert!((1..10).contains(&kept), "{kept} kept");
    toggle(&world, "d0", 1);
    assert!(receive().is_ok(), "an empty queue takes news again");
}

#[test]
fn a_long_dump_comes_in_parts_of_the_readers_size() {
    let mut world = World::new();
    for number in 0..30 {
        shell::run(&mut world, &format!("ip link add d{number} type dummy"));
    }
    let socket = open(&world);
    let request = Request::new(18, &[0; 16]).flags(0x300).finish();
    let cx = world.cx();
    socket.send(None, &request, &world, &cx).expect("sent");
    // One dump at a time.
    socket.send(None, &request, &world, &cx).expect("sent");
    let first = socket.receive(0, true, &cx).expect("a part to peek at");
    assert!(first.bytes.len() > 700 && first.bytes.len() <= 3_776);
    let mut names = 0;
    let mut busy = 0;
    let mut parts = 0;
    loop {
        let part = socket.receive(8_192, false, &cx).expect("a part").bytes;
        assert!(part.len() <= 8_192);
        match u16::from_le_bytes([part[4], part[5]]) {
            // EBUSY for the second.
            2 => busy += i32::from_le_bytes(part[16..20].try_into().expect("four bytes")),
            3 => {
                assert_eq!(part.len(), 20);
                break;
            }
            _ => {
                parts += 1;
                let mut rest = &part[..];
                while rest.len() >= 16 {
                    names += 1;
                    let len = u32::from_le_bytes(rest[..4].try_into().expect("four bytes"));
                    rest = &rest[len as usize..];
                }
            }
        }
    }
    assert_eq!((names, busy), (31, -Errno::EBUSY.get()));
    assert!(parts > 2, "{parts} parts");
    assert_eq!(socket.receive(8_192, false, &cx).err(), Some(Errno::EAGAIN));
}

#[test]
fn a_dump_that_saw_links_change_says_so() {
    let mut world = World::new();
    for number in 0..20 {
        shell::run(&mut world, &format!("ip link add d{number} type dummy"));
    }
    let socket = open(&world);
    let request = Request::new(18, &[0; 16]).flags(0x300).finish();
    socket.send(None, &request, &world, &world.cx()).expect("sent");
    shell::run(&mut world, "ip link del d0");
    let mut interrupted = false;
    while let Ok(part) = socket.receive(4_096, false, &world.cx()) {
        interrupted |= part.bytes[6] & 0x10 != 0;
    }
    assert!(interrupted);
}

#[test]
fn only_the_privileged_speak_to_other_sockets() {
    let mut world = World::new();
    let (one, other) = (open(&world), open(&world));
    bind(&world, &one, 50, 0).expect("bound");
    bind(&world, &other, 51, 0).expect("bound");
    let send = |world: &World, port| {
        let address = SockAddr::netlink(port, 0);
        one.send(Some(address.as_bytes()), b"hello", world, &world.cx())
    };
    assert_eq!(send(&world, 51), Ok(5));
    let heard = other.receive(64, false, &world.cx()).expect("a datagram");
    assert_eq!((&heard.bytes[..], heard.credentials), (&b"hello"[..], [9, 0, 0]));
    assert_eq!(heard.sender.as_bytes()[4..8], 50_u32.to_ne_bytes());
    assert_eq!(send(&world, 52), Err(Errno::ECONNREFUSED));
    world.uid = 1_000;
    assert_eq!(send(&world, 51), Err(Errno::EPERM));
    assert_eq!(one.send(None, b"", &world, &world.cx()), Err(Errno::ENODATA));
    let long = vec![0; 300_000];
    assert_eq!(one.send(None, &long, &world, &world.cx()), Err(Errno::EMSGSIZE));
}

#[test]
fn a_socket_holds_the_namespace_it_was_opened_in() {
    let mut world = World::new();
    let ns = world.create("a");
    let socket = NetlinkSocket::open(&ns, SOCK_RAW, 0).expect("a socket");
    let before = world.stack.namespace_count();
    world.named.clear();
    ns.release(&world.cx());
    assert_eq!(world.stack.namespace_count(), before);
    let request = Request::new(18, &[0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).finish();
    socket.send(None, &request, &world, &world.cx()).expect("sent");
    assert!(socket.receive(8_192, false, &world.cx()).is_ok());
    socket.close(&world.cx());
    assert_eq!(world.stack.namespace_count(), before - 1);
}
