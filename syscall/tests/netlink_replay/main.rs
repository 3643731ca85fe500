//! Replays recorded conversations of real tools with Linux 6.1: the same setup, the same
//! requests, and every byte of every answer compared outside the recordings' masks.
//!
//! Dumps are compared message by message: without IPv6 the messages are shorter, so the
//! datagrams they travel in are cut elsewhere.
#![allow(missing_docs, unreachable_pub, reason = "a test")]

mod malformed;
mod shell;
mod sockets;
mod vector;
mod world;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use vector::{Byte, Datagram, Step, Vector};
use warren_netns::Namespace;
use warren_syscall::netlink::NetlinkSocket;
use warren_syscall::sockaddr::SockAddr;
use world::World;

/// What does not match yet, and why. A vector leaves this list when it matches.
const KNOWN: &[(&str, &str)] = &[
    ("bridge_fdb_del", "forwarding databases have no static entries yet: EOPNOTSUPP"),
    ("bridge_fdb_show", "no multicast snooping yet: nobody listens to 224.0.0.106"),
    ("bridge_fdb_show_br", "the same"),
    ("bridge_monitor", "no static entries, no AF_BRIDGE notifications yet"),
    ("bridge_set_stp", "no spanning tree yet: EOPNOTSUPP"),
    ("link_set_addrgenmode", "a setting of IPv6, which is off: EAFNOSUPPORT, as on Linux then"),
    ("neigh_show", "recorded after a ping; nobody pings here"),
    ("rule_add", "no routing rules but the three default ones yet: EOPNOTSUPP"),
];

/// One conversation's outcome: what was different, if anything.
fn replay(vector: &Vector) -> Result<(), String> {
    let mut world = World::new();
    let later = shell::run(&mut world, &vector.setup);
    let ns = namespace_of(&mut world, &vector.command);
    let mut sockets: BTreeMap<usize, Arc<NetlinkSocket>> = BTreeMap::new();
    let datagrams: Vec<&Datagram> = vector.steps.iter().filter_map(datagram).collect();
    for step in &vector.steps {
        let (Step::Option { socket, .. } | Step::Bind { socket, .. }) = step else { continue };
        let open = || NetlinkSocket::open(&ns, 3, 0).expect("a socket");
        let handle = sockets.entry(*socket).or_insert_with(open).clone();
        match step {
            Step::Option { level: 270, name, value, .. } => {
                handle.set_option(*name, value).map_err(|e| format!("setsockopt {name}: {e}"))?;
            }
            Step::Bind { groups, .. } => {
                // The recording shows one number for sockets opened one after the other.
                let address = SockAddr::netlink(0, *groups);
                if handle.bind(address.as_bytes(), &world, &world.cx()).is_err() {
                    let fresh = open();
                    fresh.bind(address.as_bytes(), &world, &world.cx()).expect("bound");
                    for (name, value) in [(11, 1_i32), (12, 1)] {
                        fresh.set_option(name, &value.to_le_bytes()).expect("an option");
                    }
                    sockets.insert(*socket, fresh);
                }
            }
            _ => {}
        }
    }
    let mut wanted: BTreeMap<usize, Stream<'_>> = BTreeMap::new();
    let mut got: BTreeMap<usize, Received> = BTreeMap::new();
    let last_request = datagrams.iter().rposition(|datagram| datagram.is_request);
    for (at, datagram) in datagrams.iter().enumerate() {
        if !datagram.is_request {
            let stream = wanted.entry(datagram.socket).or_default();
            stream.datagrams.push(&datagram.bytes);
            // What is left to compare of a datagram about IPv6 is nothing.
            if !vector::messages(&[&datagram.bytes]).is_empty() {
                stream.groups.push(datagram.groups);
            }
            continue;
        }
        let open = || NetlinkSocket::open(&ns, 3, 0).expect("a socket");
        let handle = sockets.entry(datagram.socket).or_insert_with(open).clone();
        let bytes = vector::request(&datagram.bytes);
        if bytes.is_empty() {
            continue;
        }
        handle.send(None, &bytes, &world, &world.cx()).map_err(|e| format!("send: {e}"))?;
        world.settle();
        let room = datagrams[at..].iter().find(|d| !d.is_request).map_or(32_768, |d| d.capacity);
        read(&world, &handle, room, got.entry(datagram.socket).or_default())?;
        if Some(at) == last_request && !later.is_empty() {
            shell::run(&mut world, &later);
            for (socket, handle) in &sockets {
                read(&world, handle, room, got.entry(*socket).or_default())?;
            }
        }
    }
    for (socket, wanted) in &wanted {
        compare(wanted, got.get(socket).unwrap_or(&Received::default()))?;
    }
    Ok(())
}

/// What Linux said to one socket.
#[derive(Default)]
struct Stream<'a> {
    datagrams: Vec<&'a [Byte]>,
    groups: Vec<u32>,
}

/// What we said to it.
#[derive(Default)]
struct Received {
    datagrams: Vec<Vec<Byte>>,
    groups: Vec<u32>,
}

fn datagram(step: &Step) -> Option<&Datagram> {
    match step {
        Step::Datagram(datagram) => Some(datagram),
        _ => None,
    }
}

/// Where the tool's sockets live.
fn namespace_of(world: &mut World, command: &str) -> Arc<Namespace> {
    if command.contains("unshare") {
        return world.create("fresh");
    }
    let inside = ["ip netns exec a", "ip -n a", "nsenter"];
    if inside.iter().any(|prefix| command.contains(prefix)) {
        return world.named["a"].clone();
    }
    world.root.clone()
}

/// Reads what `socket` has.
fn read(
    world: &World,
    socket: &Arc<NetlinkSocket>,
    room: usize,
    into: &mut Received,
) -> Result<(), String> {
    while let Ok(received) = socket.receive(room, false, &world.cx()) {
        let sender = received.sender.as_bytes();
        if sender[4..8] != [0; 4] {
            return Err("a reply that is not the kernel's".into());
        }
        into.groups.push(u32::from_ne_bytes(sender[8..12].try_into().expect("four bytes")));
        into.datagrams.push(received.bytes.iter().map(|b| (*b, true)).collect());
    }
    Ok(())
}

fn compare(wanted: &Stream<'_>, got: &Received) -> Result<(), String> {
    let slices: Vec<&[Byte]> = got.datagrams.iter().map(|bytes| &bytes[..]).collect();
    let wanted_messages = vector::messages(&wanted.datagrams);
    let got_messages = vector::messages(&slices);
    for (index, (wanted, got)) in wanted_messages.iter().zip(&got_messages).enumerate() {
        if let Some(text) = difference(wanted, got) {
            return Err(format!("message {index}: {text}"));
        }
    }
    if wanted_messages.len() != got_messages.len() {
        let kinds = |messages: &[Vec<Byte>]| -> Vec<u16> {
            messages.iter().map(|m| vector::u16_at(m, 4)).collect()
        };
        let (got, wanted) = (kinds(&got_messages), kinds(&wanted_messages));
        return Err(format!("messages {got:?} instead of {wanted:?}"));
    }
    // Answers go to no group, in however many datagrams.
    let notifications = |groups: &[u32]| -> Vec<u32> {
        groups.iter().copied().filter(|group| *group != 0).collect()
    };
    if notifications(&wanted.groups) != notifications(&got.groups) {
        return Err(format!("groups {:x?} instead of {:x?}", got.groups, wanted.groups));
    }
    Ok(())
}

fn difference(wanted: &[Byte], got: &[Byte]) -> Option<String> {
    let kind = vector::u16_at(wanted, 4);
    for (at, (wanted, got)) in wanted.iter().zip(got).enumerate() {
        if wanted.1 && wanted.0 != got.0 {
            return Some(format!(
                "type {kind}, byte {at:#x}: {:#04x} instead of {:#04x}",
                got.0, wanted.0
            ));
        }
    }
    (wanted.len() != got.len())
        .then(|| format!("type {kind}: {} bytes instead of {}", got.len(), wanted.len()))
}

/// The recordings, by name.
fn vectors() -> Vec<(String, Vector)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .expect("the vectors")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| {
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            (name, Vector::parse(&std::fs::read_to_string(path).expect("a vector")))
        })
        .collect()
}

#[test]
fn recorded_conversations_are_answered_byte_for_byte() {
    let vectors = vectors();
    let mut failed = Vec::new();
    for (name, vector) in &vectors {
        let outcome = std::panic::catch_unwind(|| replay(vector));
        let outcome = outcome.unwrap_or_else(|_| Err("the replay panicked".into()));
        if let Err(text) = outcome {
            println!("{name}: {text}");
            failed.push(name.as_str());
        }
    }
    println!("{} of {} recorded conversations match", vectors.len() - failed.len(), vectors.len());
    let known: Vec<&str> = KNOWN.iter().map(|(name, _)| *name).collect();
    assert_eq!(failed, known, "see the list of known differences");
}
