use alloc::vec::Vec;

use warren_netns::Stack;
use warren_platform::Instant;

use super::*;
use crate::abi::*;
use crate::testing::{Memory, TestProcess, world};

struct World {
    stack: Arc<Stack>,
    ns: Arc<Namespace>,
    me: TestProcess,
}

impl World {
    fn new() -> Self {
        let (stack, ns) = world();
        Self { stack, ns, me: TestProcess::default() }
    }

    /// Makes the call on `argument`, which lies at address 0, and returns what it became.
    fn call(&self, command: u32, argument: &[u8]) -> Result<Vec<u8>, Errno> {
        let memory = Memory::of(argument);
        let cx = self.stack.enter(Instant::ZERO);
        let call =
            Call { ns: &self.ns, command, argument: 0, memory: &memory, caller: &self.me, cx: &cx };
        answer(&call, true)?;
        Ok(memory.0.lock().clone())
    }

    fn on(&self, command: u32, name: &str, union: &[u8]) -> Result<Vec<u8>, Errno> {
        Ok(self.call(command, &ifreq(name, union))?.split_off(16))
    }
}

fn ifreq(name: &str, union: &[u8]) -> [u8; 40] {
    let mut request = [0; 40];
    request[..name.len()].copy_from_slice(name.as_bytes());
    request[16..16 + union.len()].copy_from_slice(union);
    request
}

fn inet(address: [u8; 4]) -> [u8; 8] {
    let [a, b, c, d] = address;
    [2, 0, 0, 0, a, b, c, d]
}

#[test]
fn the_loopback_answers_who_it_is() {
    let world = World::new();
    assert_eq!(world.on(SIOCGIFINDEX, "lo", &[]).expect("lo")[..4], 1_u32.to_ne_bytes());
    assert_eq!(world.on(SIOCGIFMTU, "lo", &[]).expect("lo")[..4], 65_536_u32.to_ne_bytes());
    assert_eq!(world.on(SIOCGIFHWADDR, "lo", &[]).expect("lo")[..8], [4, 3, 0, 0, 0, 0, 0, 0]);
    assert_eq!(world.on(SIOCGIFFLAGS, "lo", &[]).expect("lo")[..2], [8, 0]);
    assert_eq!(world.on(SIOCGIFTXQLEN, "lo", &[]).expect("lo")[..4], 1_000_u32.to_ne_bytes());
    let name = world.call(SIOCGIFNAME, &ifreq("", &1_u32.to_ne_bytes())).expect("lo");
    assert_eq!(&name[..3], b"lo\0");
    assert_eq!(world.on(SIOCGIFINDEX, "v0", &[]).err(), Some(Errno::ENODEV));
    assert_eq!(world.call(0x89ff, &[0; 40]).err(), Some(Errno::ENOTTY));
    assert_eq!(world.call(SIOCGIFINDEX, &[0; 39]).err(), Some(Errno::EFAULT));
}

#[test]
fn a_bridge_is_made_configured_and_deleted_the_old_way() {
    let world = World::new();
    world.call(SIOCBRADDBR, &ifreq("br0", &[])).expect("a new name");
    assert_eq!(world.call(SIOCBRADDBR, &ifreq("br0", &[])).err(), Some(Errno::EEXIST));
    let bridge = world.ns.find_link(b"br0").expect("it exists");
    world.on(SIOCSIFADDR, "br0", &inet([10, 9, 0, 1])).expect("an address");
    world.on(SIOCSIFNETMASK, "br0", &inet([255, 255, 255, 0])).expect("a mask");
    let get = |command| world.on(command, "br0", &[]).expect("an address")[4..8].to_vec();
    assert_eq!(get(SIOCGIFADDR), [10, 9, 0, 1]);
    assert_eq!(get(SIOCGIFNETMASK), [255, 255, 255, 0]);
    assert_eq!(get(SIOCGIFBRDADDR), [10, 9, 0, 255]);
    let bad = world.on(SIOCSIFNETMASK, "br0", &inet([255, 0, 255, 0]));
    assert_eq!(bad.err(), Some(Errno::EINVAL));
    world.on(SIOCSIFFLAGS, "br0", &[1, 0x10]).expect("up");
    assert!(bridge.flags().contains(warren_netns::link::LinkFlags::UP));
    assert_eq!(world.call(SIOCBRDELBR, &ifreq("br0", &[])).err(), Some(Errno::EBUSY));
    world.on(SIOCSIFADDR, "br0", &inet([0; 4])).expect("none");
    assert_eq!(world.on(SIOCGIFADDR, "br0", &[]).err(), Some(Errno::EADDRNOTAVAIL));
    world.on(SIOCSIFFLAGS, "br0", &[0, 0x10]).expect("down");
    world.call(SIOCBRDELBR, &ifreq("br0", &[])).expect("down");
    assert_eq!(world.call(SIOCBRDELBR, &ifreq("br0", &[])).err(), Some(Errno::ENXIO));
}

#[test]
fn addresses_are_listed_by_label() {
    let world = World::new();
    world.on(SIOCSIFFLAGS, "lo", &[1, 0]).expect("up");
    let mut memory = alloc::vec![0; 16 + 80];
    memory[..4].copy_from_slice(&80_i32.to_ne_bytes());
    memory[8..16].copy_from_slice(&16_u64.to_ne_bytes());
    let memory = world.call(SIOCGIFCONF, &memory).expect("room");
    assert_eq!(memory[..4], 40_i32.to_ne_bytes());
    assert_eq!(&memory[16..19], b"lo\0");
    assert_eq!(memory[32..40], [2, 0, 0, 0, 127, 0, 0, 1]);
    let none = world.call(SIOCGIFCONF, &[0; 16]).expect("a question of size");
    assert_eq!(none[..4], 40_i32.to_ne_bytes());
}

#[test]
fn changes_take_the_right_to_make_them() {
    let world = World { me: TestProcess::user(1_000), ..World::new() };
    assert_eq!(world.on(SIOCSIFFLAGS, "lo", &[1, 0]).err(), Some(Errno::EPERM));
    assert_eq!(world.on(SIOCSIFMTU, "lo", &[0, 5]).err(), Some(Errno::EPERM));
    assert_eq!(world.call(SIOCBRADDBR, &ifreq("b", &[])).err(), Some(Errno::EPERM));
    assert_eq!(world.call(SIOCADDRT, &[0; 120]).err(), Some(Errno::EPERM));
    assert!(world.on(SIOCGIFMTU, "lo", &[]).is_ok());
}

#[test]
fn routes_come_and_go_as_route_add_has_them() {
    let world = World::new();
    world.call(SIOCBRADDBR, &ifreq("br0", &[])).expect("a new name");
    world.on(SIOCSIFADDR, "br0", &inet([10, 9, 0, 1])).expect("an address");
    world.on(SIOCSIFFLAGS, "br0", &[1, 0x10]).expect("up");
    // route add default gw 10.9.0.2
    let mut entry = [0; 120];
    entry[8..16].copy_from_slice(&inet([0; 4]));
    entry[24..32].copy_from_slice(&inet([10, 9, 0, 2]));
    entry[40..48].copy_from_slice(&inet([0; 4]));
    entry[56..58].copy_from_slice(&(RTF_UP | RTF_GATEWAY).to_ne_bytes());
    world.call(SIOCADDRT, &entry).expect("a reachable gateway");
    let cx = world.stack.enter(Instant::ZERO);
    let text = crate::procfs::read(b"route", &world.ns, &cx).expect("a file").expect("memory");
    let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    assert!(lines.iter().take(3).all(|line| line.len() == 127));
    assert!(lines[1].starts_with(b"br0\t00000000\t0200090A\t0003\t0\t0\t0\t00000000\t0\t0\t0"));
    assert!(lines[2].starts_with(b"br0\t0000000A\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0"));
    world.call(SIOCDELRT, &entry).expect("it is there");
    assert_eq!(world.call(SIOCDELRT, &entry).err(), Some(Errno::ESRCH));
    entry[8..16].copy_from_slice(&inet([10, 1, 0, 1]));
    assert_eq!(world.call(SIOCADDRT, &entry).err(), Some(Errno::EINVAL), "bits beyond the mask");
    entry[8] = 10;
    assert_eq!(world.call(SIOCADDRT, &entry).err(), Some(Errno::EAFNOSUPPORT));
}
