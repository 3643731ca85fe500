//! The life of streams between namespaces: bytes, ends, losses, and namespaces that go.

use core::net::SocketAddrV4;
use std::sync::Arc;

use warren_netns::error::SocketError;
use warren_netns::socket::{Shutdown, SocketOwner, TcpSocket};
use warren_netns::{Link, Namespace};
use warren_platform::Duration;
use warren_tests::counters::counted;
use warren_tests::inet::ip;
use warren_tests::{World, check, scenario};

const OWNER: SocketOwner = SocketOwner { uid: 0 };

fn at(address: &str, port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(ip(address), port)
}

/// Two namespaces joined by a pair, 10.0.0.1 and 10.0.0.2.
fn two(world: &mut World) -> [(Arc<Namespace>, Arc<Link>); 2] {
    let (a, b) = (world.namespace(), world.namespace());
    let (v0, v1) = world.veth((&a, "eth0"), (&b, "eth0"));
    world.address(&v0, "10.0.0.1/24");
    world.address(&v1, "10.0.0.2/24");
    world.up(&[&v0, &v1]);
    [(a, v0), (b, v1)]
}

/// A stream between two namespaces: the one that connected, and the one accepted.
struct Stream {
    listener: Arc<TcpSocket>,
    near: Arc<TcpSocket>,
    far: Arc<TcpSocket>,
}

fn listen(world: &World, ns: &Arc<Namespace>, local: SocketAddrV4) -> Arc<TcpSocket> {
    let listener = TcpSocket::open(ns, OWNER, &world.cx()).expect("a socket");
    listener.bind(local, &world.cx()).expect("a free port");
    listener.listen(8, &world.cx()).expect("a bound socket listens");
    listener
}

fn stream(world: &World, from: &Arc<Namespace>, to: &Arc<Namespace>, at: SocketAddrV4) -> Stream {
    let listener = listen(world, to, at);
    let near = TcpSocket::open(from, OWNER, &world.cx()).expect("a socket");
    assert_eq!(near.connect(at, &world.cx()), Err(SocketError::InProgress));
    world.settle();
    assert_eq!(near.connect(at, &world.cx()), Ok(()));
    let far = listener.accept(&world.cx()).expect("a connection");
    assert_eq!(near.peer(), Some(at));
    assert_eq!(far.peer(), Some(near.local()));
    Stream { listener, near, far }
}

impl Stream {
    fn close(self, world: &World) {
        for socket in [self.near, self.far, self.listener] {
            socket.close(&world.cx());
            world.settle();
        }
    }
}

fn byte(at: usize) -> u8 {
    u8::try_from(at % 251).expect("below 251")
}

/// Sends `total` bytes from `near` to `far` and checks every one of them.
fn transfer(world: &World, near: &Arc<TcpSocket>, far: &Arc<TcpSocket>, total: usize) {
    let (mut sent, mut received) = (0, 0);
    for _ in 0..1_000_000 {
        if sent < total {
            let mut fill = |ring: &mut [u8]| {
                let count = ring.len().min(total - sent);
                for (at, slot) in ring[..count].iter_mut().enumerate() {
                    *slot = byte(sent + at);
                }
                sent += count;
                count
            };
            match near.send(total, &mut fill, &world.cx()) {
                Ok(_) | Err(SocketError::WouldBlock) => {}
                Err(error) => panic!("{error:?} after {sent} bytes"),
            }
        }
        world.settle();
        let mut sink = |ring: &[u8]| {
            let intact = ring.iter().enumerate().all(|(at, got)| *got == byte(received + at));
            assert!(intact, "a byte is wrong after {received}");
            received += ring.len();
            ring.len()
        };
        match far.recv(usize::MAX, false, &mut sink, &world.cx()) {
            Ok(_) => {}
            // Nothing under way without time passing: a delayed acknowledgement, say.
            Err(SocketError::WouldBlock) => world.pass(Duration::from_millis(1)),
            Err(error) => panic!("{error:?} after {received} bytes"),
        }
        if received == total {
            return;
        }
    }
    panic!("{received} of {total} bytes arrived");
}

#[test]
fn a_megabyte_each_way_arrives_intact_and_nothing_is_dropped() {
    scenario(|world| {
        let [(a, v0), (b, v1)] = two(world);
        let stream = stream(world, &a, &b, at("10.0.0.2", 80));
        let start = world.now();
        transfer(world, &stream.near, &stream.far, 1 << 20);
        transfer(world, &stream.far, &stream.near, 1 << 20);
        let took = world.now().since(start);
        assert!(took < Duration::from_secs(1), "it took {took:?} of virtual time");
        assert_eq!((counted(&v0).drops, counted(&v1).drops), (vec![], vec![]));
        stream.close(world);
    });
}

#[test]
fn the_end_of_a_stream_is_told_and_time_wait_passes() {
    scenario(|world| {
        let [(a, _), (b, _)] = two(world);
        let stream = stream(world, &a, &b, at("10.0.0.2", 80));
        transfer(world, &stream.near, &stream.far, 10);
        stream.near.shutdown(Shutdown::Write, &world.cx()).expect("connected");
        world.settle();
        let end = stream.far.recv(10, false, &mut |ring| ring.len(), &world.cx());
        assert_eq!(end, Ok(0));
        transfer(world, &stream.far, &stream.near, 10);
        stream.close(world);
        world.pass(Duration::from_secs(120));
        for ns in [&a, &b] {
            assert_eq!(ns.deadlines.earliest(), None, "nothing left to wait for");
        }
    });
}

#[test]
fn a_stream_survives_a_link_that_was_down_for_a_while() {
    scenario(|world| {
        let [(a, _), (b, v1)] = two(world);
        let stream = stream(world, &a, &b, at("10.0.0.2", 80));
        world.down(&[&v1]);
        let mut fill = |ring: &mut [u8]| {
            ring.fill(7);
            ring.len()
        };
        assert_eq!(stream.near.send(1_000, &mut fill, &world.cx()), Ok(1_000));
        world.pass(Duration::from_secs(5));
        assert_eq!(stream.far.queued_in(), 0);
        world.up(&[&v1]);
        world.pass(Duration::from_secs(30));
        assert_eq!(stream.far.queued_in(), 1_000, "retransmitted");
        stream.close(world);
    });
}

#[test]
fn a_namespace_ends_under_an_open_stream() {
    scenario(|world| {
        let [(a, v0), (b, v1)] = two(world);
        let stream = stream(world, &a, &b, at("10.0.0.2", 80));
        transfer(world, &stream.near, &stream.far, 100_000);
        world.release(&b);
        assert_eq!(world.stack.namespace_count(), 2, "its sockets hold it");
        stream.far.close(&world.cx());
        stream.listener.close(&world.cx());
        assert_eq!(world.stack.namespace_count(), 1);
        world.pass(Duration::from_secs(10));
        stream.near.close(&world.cx());
        drop(stream);
        // What is left of the stream gives up, and with it goes its way out.
        world.pass(Duration::from_secs(1_200));
        assert_eq!(a.deadlines.earliest(), None, "nothing left to wait for");
        check::is_freed(v0);
        check::is_freed(v1);
    });
}
