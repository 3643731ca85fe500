use alloc::sync::Arc;

use warren_netns::{Namespace, Stack};
use warren_platform::{Duration, Instant};

use super::*;
use crate::abi::*;
use crate::sockaddr::SockAddr;
use crate::testing::{Buffer, Bytes, TestProcess, world};

struct World {
    stack: Arc<Stack>,
    ns: Arc<Namespace>,
    me: TestProcess,
}

impl World {
    fn new(uid: u32) -> Self {
        let (stack, ns) = world();
        Self { stack, ns, me: TestProcess::user(uid) }
    }

    fn with<R>(&self, run: impl FnOnce(&Call<'_>) -> R) -> R {
        let cx = self.stack.enter(Instant::from_millis(5));
        run(&Call { process: &self.me, cx: &cx })
    }

    fn open(&self, family: u16, kind: u32, protocol: u8) -> Result<Socket, Errno> {
        let (family, protocol) = (i32::from(family), i32::from(protocol));
        self.with(|call| Socket::open(&self.ns, family, kind, protocol, call))
    }

    fn get(&self, socket: &Socket, level: i32, name: i32) -> Result<i32, Errno> {
        let value = self.with(|call| socket.option(level, name, 4, call))?;
        Ok(value.first_chunk().map_or(i32::from(value[0]), |word| i32::from_ne_bytes(*word)))
    }

    fn set(&self, socket: &Socket, level: i32, name: i32, value: i32) -> Result<(), Errno> {
        self.with(|call| socket.set_option(level, name, &value.to_ne_bytes(), call))
    }
}

#[test]
fn combinations_that_do_not_exist_are_refused_with_linux_s_errno() {
    let root = World::new(0);
    let refused = |family, kind, protocol| root.open(family, kind, protocol).err();
    assert_eq!(refused(AF_INET6, SOCK_DGRAM, 0), Some(Errno::EAFNOSUPPORT));
    assert_eq!(refused(AF_PACKET, SOCK_RAW, 0), Some(Errno::EAFNOSUPPORT));
    assert_eq!(refused(99, SOCK_RAW, 0), Some(Errno::EAFNOSUPPORT));
    assert_eq!(refused(AF_INET, SOCK_SEQPACKET, 0), Some(Errno::ESOCKTNOSUPPORT));
    assert_eq!(refused(AF_INET, SOCK_DGRAM, IPPROTO_TCP), Some(Errno::EPROTONOSUPPORT));
    assert_eq!(refused(AF_INET, SOCK_RAW, IPPROTO_IP), Some(Errno::EPROTONOSUPPORT));
    assert_eq!(refused(AF_INET, 15, 0), Some(Errno::EINVAL));
    assert_eq!(refused(AF_INET, SOCK_DGRAM | 0x10, 0), Some(Errno::EINVAL));
    assert_eq!(refused(AF_INET, SOCK_DGRAM, IPPROTO_ICMP), Some(Errno::EACCES));
    assert_eq!(refused(AF_UNIX, SOCK_STREAM, 7), Some(Errno::EPROTONOSUPPORT));
    let user = World::new(1_000);
    assert_eq!(user.open(AF_INET, SOCK_RAW, IPPROTO_ICMP).err(), Some(Errno::EPERM));
    let pair = root.with(|call| Socket::pair(&root.ns, 2, SOCK_DGRAM, 0, call).err());
    assert_eq!(pair, Some(Errno::EOPNOTSUPP));
}

#[test]
fn low_ports_are_for_the_privileged() {
    let user = World::new(1_000);
    let socket = user.open(AF_INET, SOCK_DGRAM, 0).expect("udp");
    let bind = |port| {
        let address = SockAddr::inet(core::net::SocketAddrV4::new([0; 4].into(), port));
        user.with(|call| socket.bind(address.as_bytes(), call))
    };
    assert_eq!(bind(1_023), Err(Errno::EACCES));
    assert_eq!(bind(1_024), Ok(()));
}

#[test]
fn options_are_kept_doubled_bounded_and_shown() {
    let world = World::new(0);
    let socket = world.open(AF_INET, SOCK_DGRAM, 0).expect("udp");
    world.set(&socket, SOL_SOCKET, SO_RCVBUF, 10_000).expect("known");
    assert_eq!(world.get(&socket, SOL_SOCKET, SO_RCVBUF), Ok(20_000));
    world.set(&socket, SOL_SOCKET, SO_SNDBUF, -1).expect("a huge one");
    assert_eq!(world.get(&socket, SOL_SOCKET, SO_SNDBUF), Ok(425_984));
    world.set(&socket, SOL_IP, IP_TTL, 7).expect("in range");
    assert_eq!(world.get(&socket, SOL_IP, IP_TTL), Ok(7));
    assert_eq!(world.set(&socket, SOL_IP, IP_TTL, 256), Err(Errno::EINVAL));
    assert_eq!(world.set(&socket, SOL_IP, IP_RECVTTL, 1), Ok(()));
    assert_eq!(world.get(&socket, SOL_IP, IP_RECVTTL), Ok(1));
    assert_eq!(world.get(&socket, SOL_SOCKET, SO_TYPE), Ok(2));
    assert_eq!(world.get(&socket, SOL_SOCKET, SO_PROTOCOL), Ok(17));
    assert_eq!(world.get(&socket, SOL_SOCKET, SO_ERROR), Ok(0));
    assert_eq!(world.set(&socket, SOL_SOCKET, 26, 0), Err(Errno::ENOPROTOOPT));
    assert_eq!(world.set(&socket, SOL_IP, IP_HDRINCL, 1), Err(Errno::ENOPROTOOPT));
    assert_eq!(world.set(&socket, 41, 26, 1), Err(Errno::ENOPROTOOPT));
    let short = world.with(|call| socket.set_option(SOL_SOCKET, SO_RCVBUF, &[1, 2], call));
    assert_eq!(short, Err(Errno::EINVAL));
    let byte = world.with(|call| socket.option(SOL_IP, IP_TTL, 1, call));
    assert_eq!(byte, Ok(alloc::vec![7]));
}

#[test]
fn timeouts_follow_linux_s_reading_of_timeval() {
    let world = World::new(0);
    let socket = world.open(AF_UNIX, SOCK_DGRAM, 0).expect("unix");
    let set = |seconds: i64, micros: i64| {
        let mut value = seconds.to_ne_bytes().to_vec();
        value.extend(micros.to_ne_bytes());
        world.with(|call| socket.set_option(SOL_SOCKET, SO_RCVTIMEO, &value, call))
    };
    assert_eq!(socket.receive_timeout(), None);
    assert_eq!(set(1, 500_000), Ok(()));
    assert_eq!(socket.receive_timeout(), Some(Duration::from_millis(1_500)));
    assert_eq!(set(1, 1_000_000), Err(Errno::EDOM));
    assert_eq!(set(-1, 0), Ok(()));
    assert_eq!(socket.receive_timeout(), Some(Duration::ZERO));
    assert_eq!(set(0, 0), Ok(()));
    assert_eq!(socket.receive_timeout(), None);
}

#[test]
fn links_are_bound_to_by_name_and_shown_by_name() {
    let world = World::new(0);
    let socket = world.open(AF_INET, SOCK_RAW, IPPROTO_ICMP).expect("raw");
    let bind =
        |name: &[u8]| world.with(|call| socket.set_option(SOL_SOCKET, SO_BINDTODEVICE, name, call));
    assert_eq!(bind(b"none"), Err(Errno::ENODEV));
    assert_eq!(bind(b"lo\0junk"), Ok(()));
    let shown = world.with(|call| socket.option(SOL_SOCKET, SO_BINDTODEVICE, 16, call));
    assert_eq!(shown.expect("room"), b"lo\0");
    let shown = world.with(|call| socket.option(SOL_SOCKET, SO_BINDTODEVICE, 15, call));
    assert_eq!(shown, Err(Errno::EINVAL));
    assert_eq!(bind(b""), Ok(()));
    assert_eq!(world.get(&socket, SOL_SOCKET, SO_BINDTOIFINDEX), Ok(0));
}

#[test]
fn the_icmp_filter_and_the_included_header_are_raw_sockets_own() {
    let world = World::new(0);
    let socket = world.open(AF_INET, SOCK_RAW, IPPROTO_ICMP).expect("raw");
    world.set(&socket, SOL_RAW, ICMP_FILTER, !1).expect("icmp");
    assert_eq!(world.get(&socket, SOL_RAW, ICMP_FILTER), Ok(!1));
    world.set(&socket, SOL_IP, IP_HDRINCL, 1).expect("raw");
    assert_eq!(world.get(&socket, SOL_IP, IP_HDRINCL), Ok(1));
    let tcp = world.open(AF_INET, SOCK_RAW, IPPROTO_TCP).expect("raw");
    assert_eq!(world.set(&tcp, SOL_RAW, ICMP_FILTER, 0), Err(Errno::EOPNOTSUPP));
    assert_eq!(world.get(&tcp, SOL_SOCKET, SO_PROTOCOL), Ok(6));
}

#[test]
fn a_pair_of_unix_sockets_talks_and_lets_go_of_its_namespace() {
    let world = World::new(0);
    let pair = world.with(|call| Socket::pair(&world.ns, 1, SOCK_STREAM, 0, call));
    let (one, other) = pair.expect("unix has pairs");
    let sent = world.with(|call| {
        let payload = &mut Bytes(b"hello");
        one.send(Outgoing { name: None, control: &[], payload, flags: 0 }, call)
    });
    assert_eq!(sent, Ok(5));
    let mut payload = Buffer::new(16);
    let room = Room { payload: &mut payload, control: 0, flags: 0 };
    let received = world.with(|call| other.receive(room, call)).expect("data");
    assert_eq!((received.bytes, payload.bytes), (5, b"hello".to_vec()));
    let cx = world.stack.enter(Instant::ZERO);
    world.ns.release(&cx);
    one.close(&cx);
    one.close(&cx);
    assert_eq!(world.stack.namespace_count(), 1, "the other end holds it");
    other.close(&cx);
    assert_eq!(world.stack.namespace_count(), 0);
}

#[test]
fn netlink_answers_through_the_same_door() {
    let world = World::new(0);
    assert_eq!(world.open(AF_NETLINK, SOCK_STREAM, 0).err(), Some(Errno::ESOCKTNOSUPPORT));
    assert_eq!(world.open(AF_NETLINK, SOCK_RAW, 4).err(), Some(Errno::EPROTONOSUPPORT));
    let socket = world.open(AF_NETLINK, SOCK_RAW, 0).expect("rtnetlink");
    world.set(&socket, SOL_SOCKET, SO_RCVBUF, 1 << 20).expect("what iproute2 asks for");
    assert_eq!(world.get(&socket, SOL_SOCKET, SO_RCVBUF), Ok(425_984));
    let address = SockAddr::netlink(0, 0);
    world.with(|call| socket.bind(address.as_bytes(), call)).expect("any port");
    assert_eq!(socket.local().expect("bound").as_bytes(), SockAddr::netlink(42, 0).as_bytes());
    // RTM_GETLINK of ifindex 1.
    let mut request = alloc::vec![32, 0, 0, 0, 18, 0, 1, 0, 7, 0, 0, 0, 0, 0, 0, 0];
    request.extend([0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let sent = world.with(|call| {
        let payload = &mut Bytes(&request);
        socket.send(Outgoing { name: None, control: &[], payload, flags: 0 }, call)
    });
    assert_eq!(sent, Ok(32));
    let mut nothing = Buffer::new(0);
    let room = Room { payload: &mut nothing, control: 0, flags: MSG_PEEK | MSG_TRUNC };
    let peeked = world.with(|call| socket.receive(room, call)).expect("an answer");
    assert_ne!(peeked.flags & MSG_TRUNC, 0);
    let mut payload = Buffer::new(32 << 10);
    let room = Room { payload: &mut payload, control: 0, flags: 0 };
    let received = world.with(|call| socket.receive(room, call)).expect("still there");
    assert_eq!((received.bytes, received.flags), (peeked.bytes, 0));
    assert_eq!(payload.bytes[4..6], 16_u16.to_ne_bytes(), "RTM_NEWLINK");
    assert_eq!(received.name, SockAddr::netlink(0, 0));
    world.with(|call| socket.close(call.cx));
}
#[test]
fn datagrams_come_with_the_messages_their_reader_asked_for() {
    let world = World::new(0);
    let admin = warren_netns::NetAdmin::granted();
    let lo = world.ns.find_link(b"lo").expect("every namespace has one");
    let up = warren_netns::link::LinkFlags::UP;
    let change =
        warren_netns::namespace::change::LinkChange { flags: Some((up, up)), ..Default::default() };
    world.with(|call| world.ns.change_link(&admin, &lo, &change, call.cx)).expect("up");
    let socket = world.open(AF_INET, SOCK_DGRAM, 0).expect("udp");
    let address = SockAddr::inet(core::net::SocketAddrV4::new([127, 0, 0, 1].into(), 4_000));
    world.with(|call| socket.bind(address.as_bytes(), call)).expect("free");
    for (level, name) in [(SOL_SOCKET, SO_TIMESTAMP), (SOL_IP, IP_RECVTTL), (SOL_IP, IP_PKTINFO)] {
        world.set(&socket, level, name, 1).expect("known");
    }
    let sent = world.with(|call| {
        let payload = &mut Bytes(b"self");
        let name = Some(address.as_bytes());
        socket.send(Outgoing { name, control: &[], payload, flags: 0 }, call)
    });
    assert_eq!(sent, Ok(4));
    let mut payload = Buffer::new(3);
    let room = Room { payload: &mut payload, control: 128, flags: 0 };
    let received = world.with(|call| socket.receive(room, call)).expect("it came back");
    assert_eq!((received.bytes, received.flags, &*payload.bytes), (3, MSG_TRUNC, &b"sel"[..]));
    assert_eq!(received.name, address);
    let messages: Vec<_> =
        crate::cmsg::parse(&received.control).map(|m| m.expect("well formed")).collect();
    assert_eq!(messages[0].data[..8], 1_700_000_000_u64.to_ne_bytes());
    assert_eq!((messages[1].kind, messages[1].data[0]), (IP_PKTINFO, 1));
    assert_eq!((messages[2].kind, messages[2].data[0]), (IP_TTL, 64));
}
