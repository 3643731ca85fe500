//! Requests that are not what they should be: every recorded request cut short at every
//! byte, and with every byte changed; and noise for every message type. Nothing panics, a
//! refusal changes nothing, and every errno is one of Linux's.

use std::collections::BTreeSet;
use std::sync::Arc;

use warren_netns::Namespace;
use warren_syscall::netlink::NetlinkSocket;

use crate::shell::{self, Request};
use crate::vector::{self, Step, Vector};
use crate::world::World;

/// Everything a request could change, as rtnetlink shows it.
fn snapshot(world: &World) -> Vec<u8> {
    let mut all = Vec::new();
    for ns in core::iter::once(&world.root).chain(world.named.values()) {
        // Links, addresses, routes, neighbours, settings, namespace numbers.
        for kind in [18, 22, 26, 30, 82, 90] {
            all.extend(dump(world, ns, kind));
        }
    }
    all
}

fn dump(world: &World, ns: &Arc<Namespace>, kind: u16) -> Vec<u8> {
    let socket = NetlinkSocket::open(ns, 3, 0).expect("a socket");
    let cx = world.cx();
    // The port of the socket must not matter to the comparison.
    let address = warren_syscall::sockaddr::SockAddr::netlink(99, 0);
    socket.bind(address.as_bytes(), world, &cx).expect("a free port");
    let request = Request::new(kind, &[0; 16]).flags(0x300).finish();
    socket.send(None, &request, world, &cx).expect("sent");
    let mut bytes = Vec::new();
    while let Ok(received) = socket.receive(32_768, false, &cx) {
        bytes.extend(received.bytes.iter());
    }
    socket.close(&cx);
    bytes
}

/// Sends `request` and returns the errno of its acknowledgement, if it got one.
fn ask(world: &World, request: &[u8]) -> Option<i32> {
    let socket = NetlinkSocket::open(&world.root, 3, 0).expect("a socket");
    let cx = world.cx();
    for (name, value) in [(11, 1_i32), (12, 1)] {
        socket.set_option(name, &value.to_le_bytes()).expect("an option");
    }
    socket.send(None, request, world, &cx).expect("sent");
    world.settle();
    let mut errno = None;
    while let Ok(received) = socket.receive(32_768, false, &cx) {
        let bytes = &received.bytes;
        assert!(bytes.len() >= 16, "a reply without a header");
        let kind = u16::from_le_bytes([bytes[4], bytes[5]]);
        if [2, 3].contains(&kind) {
            let number = i32::from_le_bytes([bytes[16], bytes[17], bytes[18], bytes[19]]);
            assert!((-133..=0).contains(&number), "errno {number}");
            errno = Some(number);
        }
    }
    socket.close(&cx);
    errno
}

fn fresh(setup: &str) -> (World, Vec<u8>) {
    let mut world = World::new();
    shell::run(&mut world, setup);
    let _numbered = snapshot(&world);
    let before = snapshot(&world);
    (world, before)
}

/// Sends a request; if it was refused nothing may have changed. Returns the world to go on
/// with.
fn try_one(
    mut state: (World, Vec<u8>),
    setup: &str,
    request: &[u8],
    what: &str,
) -> (World, Vec<u8>) {
    let errno = ask(&state.0, request);
    let after = snapshot(&state.0);
    if after != state.1 {
        assert!(errno.is_none_or(|errno| errno >= 0), "{what}: {errno:?}, and something changed");
        state = fresh(setup);
    }
    state
}

#[test]
fn a_refused_request_changes_nothing() {
    let mut seen = BTreeSet::new();
    for (name, vector) in crate::vectors() {
        let requests = vector.steps.iter().filter_map(|step| match step {
            Step::Datagram(datagram) if datagram.is_request => Some(datagram),
            _ => None,
        });
        let Vector { setup, .. } = &vector;
        for request in requests {
            let bytes = vector::request(&request.bytes);
            // One of each form; the sequence number does not make another.
            let mut form = bytes.clone();
            form.drain(8.min(form.len())..16.min(form.len()));
            if bytes.len() < 20 || bytes.len() > 160 || !seen.insert(form) {
                continue;
            }
            let mut state = fresh(setup);
            for len in 0..bytes.len() {
                if len > 0 {
                    state = try_one(state, setup, &bytes[..len], &format!("{name} cut to {len}"));
                }
                if len >= 16 {
                    let mut cut = bytes[..len].to_vec();
                    cut[..4].copy_from_slice(&(len as u32).to_le_bytes());
                    state = try_one(state, setup, &cut, &format!("{name} of {len} bytes"));
                }
            }
            for at in 0..bytes.len() {
                for value in [0, 1, 0x7f, 0x80, 0xff, bytes[at].wrapping_add(1)] {
                    let mut changed = bytes.clone();
                    changed[at] = value;
                    let what = format!("{name} with byte {at:#x} set to {value:#x}");
                    state = try_one(state, setup, &changed, &what);
                }
            }
        }
    }
    assert!(seen.len() > 40, "only {} forms of requests", seen.len());
}

#[test]
fn noise_for_every_message_type_is_survived() {
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let setup = "ip link add v0 type veth peer name v1; ip link add br0 type bridge; \
                 ip link set v0 master br0; ip link set v0 up; ip addr add 10.0.0.1/24 dev v0";
    let mut state = fresh(setup);
    for round in 0..40 {
        for kind in 16..=124_u16 {
            // A header that may mean something, then attributes that may.
            let mut fixed = [0; 16];
            fixed[0] = [0, 2, 7, 10, 17][random() as usize % 5];
            fixed[4] = (random() % 4) as u8;
            let fixed_len = [1, 4, 8, 12, 16][random() as usize % 5];
            let mut request = Request::new(kind, &fixed[..fixed_len]);
            for _ in 0..random() % 6 {
                let value: Vec<u8> = (0..random() % 40).map(|_| random() as u8 & 0x13).collect();
                request = request.attr((random() % 64) as u16, &value);
            }
            let flags = (random() as u16) & 0xf00;
            let request = request.flags(flags).finish();
            let what = format!("noise {round} of type {kind}");
            state = try_one(state, setup, &request, &what);
        }
    }
}

#[test]
fn without_the_capability_nothing_can_be_changed() {
    let (mut world, before) = fresh("ip link add d0 type dummy");
    world.uid = 1_000;
    for kind in 16..=123_u16 {
        let is_get = (kind - 16) & 3 == 2;
        if !is_get {
            let request = Request::new(kind, &[0; 16]).finish();
            assert_eq!(ask(&world, &request), Some(-1), "type {kind}");
        }
    }
    assert_eq!(snapshot(&world), before);
}
