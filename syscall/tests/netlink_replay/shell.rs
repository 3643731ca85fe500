//! The setup commands of the recordings: the few forms of `ip` they use, as requests of
//! their own. A command this does not know fails the test.

use std::sync::Arc;

use warren_netns::Namespace;
use warren_platform::Duration;
use warren_syscall::netlink::NetlinkSocket;

use crate::world::World;

/// Runs `script`; what is in parentheses before `&` is left for later and returned.
pub fn run(world: &mut World, script: &str) -> String {
    let mut later = String::new();
    let mut script = script.to_owned();
    if let (Some(start), Some(end)) = (script.find("(sleep"), script.find(") &")) {
        later = script[start + 1..end].to_owned();
        script.truncate(start);
    }
    // Settings of IPv6 only.
    let ipv6 = "ip netns exec a sh -c \"";
    while let Some(start) = script.find(ipv6) {
        let end = script[start + ipv6.len()..].find('"').expect("a closing quote");
        script.replace_range(start..start + ipv6.len() + end + 1, "");
    }
    for command in script.split([';', '\n']) {
        run_command(world, command.trim());
    }
    later
}

fn run_command(world: &mut World, command: &str) {
    let words: Vec<&str> = command.split_whitespace().collect();
    match words[..] {
        // What the command itself reads, or has sent before the recording began.
        [] | ["echo", ..] | ["printf", ..] => {}
        // Nobody needs the answers but the tool, which is not here.
        ["ping", ..] => {}
        ["sleep", span] => {
            world.sleep(Duration::from_secs_f64(span.parse().expect("seconds")));
            world.settle();
        }
        ["ip", "netns", "add", name] => drop(world.create(name)),
        // A process that stays in the namespace.
        ["ip", "netns", "exec", _, "sleep", ..] => {}
        ["ip", "netns", "set", name, id] => {
            let peer = world.named[name].clone();
            let id = Some(id.parse().expect("a number"));
            world.root.assign_nsid(&peer, id, &world.cx()).expect("a free number");
        }
        ["ip", "-n", ns, ref rest @ ..] => {
            let ns = world.named[ns].clone();
            run_ip(world, &ns, rest);
        }
        ["ip", ref rest @ ..] => {
            let ns = world.root.clone();
            run_ip(world, &ns, rest);
        }
        // Static entries: the commands that need one say so themselves.
        ["bridge", "fdb", "add", ..] => {}
        _ => panic!("setup: {command}"),
    }
    world.settle();
}

fn run_ip(world: &World, ns: &Arc<Namespace>, words: &[&str]) {
    let request = match words {
        ["link", "add", rest @ ..] => link_add(rest),
        ["link", "del", name] => Request::new(17, &index_of(ns, name)),
        ["link", "set", "br0", "type", "bridge", ..] => panic!("not supported: {words:?}"),
        ["link", "set", name, what @ ..] => link_set(ns, name, what),
        ["addr", "add", prefix, "dev", name, rest @ ..] => {
            // IPv6 is off.
            if prefix.contains(':') {
                return;
            }
            assert!(rest.is_empty(), "{words:?}");
            let (address, len) = prefix.split_once('/').expect("a prefix");
            let mut fixed = [2, len.parse().expect("a length"), 0, 0, 0, 0, 0, 0];
            fixed[4..].copy_from_slice(&ifindex(ns, name).to_le_bytes());
            let address = ipv4(address);
            Request::new(20, &fixed).flags(0x600).attr(2, &address).attr(1, &address)
        }
        ["route", "add", "default", "via", gateway] => {
            let fixed = [2, 0, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0];
            Request::new(24, &fixed).flags(0x600).attr(5, &ipv4(gateway))
        }
        ["route", "add", prefix, "via", gateway] => {
            let (dst, len) = prefix.split_once('/').expect("a prefix");
            let fixed = [2, len.parse().expect("a length"), 0, 0, 254, 3, 0, 1, 0, 0, 0, 0];
            Request::new(24, &fixed).flags(0x600).attr(1, &ipv4(dst)).attr(5, &ipv4(gateway))
        }
        ["neigh", "add", address, "lladdr", mac, "dev", name, rest @ ..] => {
            let state: u8 = match rest {
                [] => 0x80,
                ["nud", "reachable"] => 0x02,
                _ => panic!("{rest:?}"),
            };
            let mut fixed = [2, 0, 0, 0, 0, 0, 0, 0, state, 0, 0, 0];
            fixed[4..8].copy_from_slice(&ifindex(ns, name).to_le_bytes());
            Request::new(28, &fixed).flags(0x600).attr(1, &ipv4(address)).attr(2, &mac_of(mac))
        }
        _ => panic!("setup: ip {words:?}"),
    };
    request.send(world, ns, words);
}

/// `[NAME] [address MAC] type KIND [peer name NAME [address MAC] [netns a]]`
fn link_add(words: &[&str]) -> Request {
    let request = Request::new(16, &[0; 16]).flags(0x600);
    let mut words = words.iter();
    let mut own = Vec::new();
    let mut info = Vec::new();
    while let Some(word) = words.next() {
        match *word {
            "address" => put(&mut own, 1, &mac_of(words.next().expect("an address"))),
            "type" => {
                let kind = words.next().expect("a kind");
                put(&mut info, 1, kind.as_bytes());
                let mut peer = vec![0; 16];
                while let Some(word) = words.next() {
                    match *word {
                        "peer" => {}
                        "name" => put(&mut peer, 3, &text(words.next().expect("a name"))),
                        "address" => put(&mut peer, 1, &mac_of(words.next().expect("one"))),
                        "netns" => {
                            words.next();
                            put(&mut peer, 28, &5_u32.to_le_bytes());
                        }
                        other => panic!("{other}"),
                    }
                }
                if peer.len() > 16 {
                    let mut data = Vec::new();
                    put(&mut data, 1, &peer);
                    put(&mut info, 2, &data);
                }
            }
            name => put(&mut own, 3, &text(name)),
        }
    }
    let mut request = request.attr(18, &info);
    request.bytes.splice(32..32, own);
    request
}

fn link_set(ns: &Namespace, name: &str, what: &[&str]) -> Request {
    let mut fixed = index_of(ns, name);
    let up = |on: u8| [on, 0, 0, 0, 1, 0, 0, 0];
    match what {
        ["up"] => fixed[8..].copy_from_slice(&up(1)),
        ["down"] => fixed[8..].copy_from_slice(&up(0)),
        ["mtu", mtu] => {
            let mtu: u32 = mtu.parse().expect("a number");
            return Request::new(16, &fixed).attr(4, &mtu.to_le_bytes());
        }
        ["master", master] => {
            return Request::new(16, &fixed).attr(10, &ifindex(ns, master).to_le_bytes());
        }
        ["nomaster"] => return Request::new(16, &fixed).attr(10, &[0; 4]),
        _ => panic!("{what:?}"),
    }
    Request::new(16, &fixed)
}

/// A request under construction.
pub struct Request {
    pub bytes: Vec<u8>,
}

impl Request {
    pub fn new(kind: u16, fixed: &[u8]) -> Self {
        let mut bytes = vec![0; 16];
        bytes[4..6].copy_from_slice(&kind.to_le_bytes());
        bytes[6] = 5;
        bytes[8..12].copy_from_slice(&77_u32.to_le_bytes());
        bytes.extend(fixed);
        Self { bytes }
    }

    pub fn flags(mut self, flags: u16) -> Self {
        let all = flags | 5;
        self.bytes[6..8].copy_from_slice(&all.to_le_bytes());
        self
    }

    pub fn attr(mut self, kind: u16, value: &[u8]) -> Self {
        put(&mut self.bytes, kind, value);
        self
    }

    pub fn finish(mut self) -> Vec<u8> {
        let len = self.bytes.len() as u32;
        self.bytes[..4].copy_from_slice(&len.to_le_bytes());
        self.bytes
    }

    fn send(self, world: &World, ns: &Arc<Namespace>, words: &[&str]) {
        let socket = NetlinkSocket::open(ns, 3, 0).expect("a socket");
        let cx = world.cx();
        let bytes = self.finish();
        socket.send(None, &bytes, world, &cx).expect("sent");
        let reply = socket.receive(8_192, false, &cx).expect("an acknowledgement");
        let errno = i32::from_le_bytes(reply.bytes[16..20].try_into().expect("four bytes"));
        assert_eq!(errno, 0, "ip {words:?}");
        socket.close(&cx);
    }
}

fn put(bytes: &mut Vec<u8>, kind: u16, value: &[u8]) {
    bytes.extend((value.len() as u16 + 4).to_le_bytes());
    bytes.extend(kind.to_le_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().div_ceil(4) * 4, 0);
}

fn text(name: &str) -> Vec<u8> {
    [name.as_bytes(), &[0]].concat()
}

fn ipv4(text: &str) -> [u8; 4] {
    text.parse::<core::net::Ipv4Addr>().expect("an address").octets()
}

fn mac_of(text: &str) -> Vec<u8> {
    text.split(':').map(|byte| u8::from_str_radix(byte, 16).expect("hex")).collect()
}

fn ifindex(ns: &Namespace, name: &str) -> u32 {
    ns.find_link(name.as_bytes()).unwrap_or_else(|| panic!("no link {name}")).ifindex().get()
}

fn index_of(ns: &Namespace, name: &str) -> [u8; 16] {
    let mut fixed = [0; 16];
    fixed[4..8].copy_from_slice(&ifindex(ns, name).to_le_bytes());
    fixed
}
