use alloc::sync::Arc;
use alloc::vec::Vec;

use warren_platform::Readiness;

use super::*;
use crate::abi::{MSG_PEEK, MSG_TRUNC, SCM_CREDENTIALS, SCM_RIGHTS, SOL_SOCKET};
use crate::cmsg::{self, Writer};
use crate::process::Process;
use crate::sockaddr::UnixAddr;
use crate::socket::message::{Incoming, Outgoing, Room};
use crate::testing::{Buffer, Bytes, Listener, TestProcess, world};

fn send(socket: &Arc<UnixSocket>, bytes: &[u8], process: &TestProcess) -> Result<usize, Errno> {
    send_with(socket, bytes, &[], process)
}

fn send_with(
    socket: &Arc<UnixSocket>,
    bytes: &[u8],
    control: &[u8],
    process: &TestProcess,
) -> Result<usize, Errno> {
    let payload = &mut Bytes(bytes);
    socket.send(Outgoing { name: None, control, payload, flags: 0 }, process)
}

fn receive(
    socket: &Arc<UnixSocket>,
    room: usize,
    flags: u32,
    process: &TestProcess,
) -> Result<(Vec<u8>, Incoming), Errno> {
    let mut payload = Buffer::new(room);
    let incoming = socket.receive(Room { payload: &mut payload, control: 256, flags }, process)?;
    Ok((payload.bytes, incoming))
}

#[test]
fn a_stream_pair_carries_bytes_and_then_the_end() {
    let (_stack, ns) = world();
    let me = TestProcess::default();
    let (one, other) = UnixSocket::pair(&ns, UnixKind::Stream, &me);
    assert_eq!(receive(&other, 9, 0, &me).err(), Some(Errno::EAGAIN));
    assert_eq!(send(&one, b"hello ", &me), Ok(6));
    assert_eq!(send(&one, b"world", &me), Ok(5));
    assert_eq!(receive(&other, 4, MSG_PEEK, &me).expect("data").0, b"hell");
    assert_eq!(receive(&other, 8, 0, &me).expect("data").0, b"hello wo");
    one.close();
    assert!(other.readiness().contains(Readiness::IN | Readiness::HUP | Readiness::RDHUP));
    assert_eq!(receive(&other, 8, 0, &me).expect("data").0, b"rld");
    assert_eq!(receive(&other, 8, 0, &me).expect("end").0, b"");
    assert_eq!(send(&other, b"x", &me), Err(Errno::EPIPE));
}

#[test]
fn unread_bytes_at_close_reset_the_peer() {
    let (_stack, ns) = world();
    let me = TestProcess::default();
    let (one, other) = UnixSocket::pair(&ns, UnixKind::Stream, &me);
    assert_eq!(send(&one, b"x", &me), Ok(1));
    other.close();
    assert_eq!(receive(&one, 1, 0, &me).err(), Some(Errno::ECONNRESET));
    assert_eq!(receive(&one, 1, 0, &me).expect("end").0, b"");
}

#[test]
fn a_full_inbox_takes_no_more_until_it_is_read() {
    let (_stack, ns) = world();
    let me = TestProcess::default();
    let (one, other) = UnixSocket::pair(&ns, UnixKind::Stream, &me);
    one.set_send_limit(1_000);
    let heard = Arc::new(Listener::default());
    one.set_observer(heard.clone());
    assert_eq!(send(&one, &[7; 1_500], &me), Ok(1_000));
    assert_eq!(send(&one, b"x", &me), Err(Errno::EAGAIN));
    assert!(!one.readiness().contains(Readiness::OUT));
    assert_eq!(receive(&other, 400, 0, &me).expect("data").0.len(), 400);
    assert_eq!(heard.0.load(core::sync::atomic::Ordering::Relaxed), 1);
    assert_eq!(send(&one, &[8; 1_500], &me), Ok(400));
}

#[test]
fn datagrams_keep_their_edges_and_their_number_is_bounded() {
    let (_stack, ns) = world();
    let me = TestProcess::default();
    let (one, other) = UnixSocket::pair(&ns, UnixKind::Datagram, &me);
    for _ in 0..MAX_DATAGRAMS {
        assert_eq!(send(&one, b"12345", &me), Ok(5));
    }
    assert_eq!(send(&one, b"12345", &me), Err(Errno::EAGAIN));
    let (bytes, incoming) = receive(&other, 3, MSG_TRUNC, &me).expect("data");
    assert_eq!((&*bytes, incoming.bytes), (&b"123"[..], 5));
    assert_ne!(incoming.flags & MSG_TRUNC, 0);
    assert_eq!(send(&one, b"", &me), Ok(0));
    other.close();
    assert_eq!(send(&one, b"x", &me), Err(Errno::ECONNREFUSED));
    assert_eq!(send(&one, b"x", &me), Err(Errno::ENOTCONN));
}

#[test]
fn abstract_names_connect_listen_and_accept() {
    let (_stack, ns) = world();
    let me = TestProcess::default();
    let server = UnixSocket::open(&ns, UnixKind::Stream, &me);
    assert_eq!(server.listen(1, &me), Err(Errno::EINVAL));
    server.bind(UnixAddr::Abstract(b"srv"), &me).expect("a free name");
    let second = UnixSocket::open(&ns, UnixKind::Stream, &me);
    assert_eq!(second.bind(UnixAddr::Abstract(b"srv"), &me), Err(Errno::EADDRINUSE));
    assert_eq!(second.connect(UnixAddr::Abstract(b"srv"), &me), Err(Errno::ECONNREFUSED));
    server.listen(0, &me).expect("bound");
    assert_eq!(server.accept().err(), Some(Errno::EAGAIN));
    second.connect(UnixAddr::Abstract(b"srv"), &me).expect("a listener");
    assert_eq!(second.connect(UnixAddr::Abstract(b"srv"), &me), Err(Errno::EISCONN));
    let third = UnixSocket::open(&ns, UnixKind::Stream, &me);
    assert_eq!(third.connect(UnixAddr::Abstract(b"srv"), &me), Err(Errno::EAGAIN));
    let accepted = server.accept().expect("one waits");
    assert_eq!(accepted.local().as_bytes(), b"\x01\0\0srv");
    assert_eq!(second.remote().expect("a peer").as_bytes(), b"\x01\0\0srv");
    assert_eq!(send(&accepted, b"hi", &me), Ok(2));
    assert_eq!(receive(&second, 8, 0, &me).expect("data").0, b"hi");
    server.close();
    assert_eq!(third.connect(UnixAddr::Abstract(b"srv"), &me), Err(Errno::ECONNREFUSED));
    let dgram = UnixSocket::open(&ns, UnixKind::Datagram, &me);
    dgram.bind(UnixAddr::Abstract(b"srv"), &me).expect("free again");
    assert_eq!(third.connect(UnixAddr::Abstract(b"srv"), &me), Err(Errno::EPROTOTYPE));
}

#[test]
fn a_listener_that_closes_resets_who_waits_in_its_backlog() {
    let (_stack, ns) = world();
    let me = TestProcess::default();
    let server = UnixSocket::open(&ns, UnixKind::SeqPacket, &me);
    server.bind(UnixAddr::Path(b"/run/s"), &me).expect("a free path");
    server.listen(5, &me).expect("bound");
    let client = UnixSocket::open(&ns, UnixKind::SeqPacket, &me);
    assert_eq!(client.connect(UnixAddr::Path(b"/nothing"), &me), Err(Errno::ENOENT));
    client.connect(UnixAddr::Path(b"/run/s"), &me).expect("a listener");
    server.close();
    assert_eq!(send(&client, b"x", &me), Err(Errno::ECONNRESET));
    assert_eq!(send(&client, b"x", &me), Err(Errno::EPIPE));
    assert!(ns.extensions.get::<UnixTable>().sockets().len() == 1);
}

#[test]
fn files_and_credentials_ride_along() {
    let (_stack, ns) = world();
    let me = TestProcess::default();
    let (one, other) = UnixSocket::pair(&ns, UnixKind::Stream, &me);
    other.set_pass_credentials(true);
    let fd = me.install_file(Arc::new(5_u32), false).expect("room");
    let mut control = Writer::new(64);
    control.put(SOL_SOCKET, SCM_RIGHTS, &fd.to_ne_bytes());
    let (control, _) = control.finish();
    assert_eq!(send_with(&one, b"f", &control, &me), Ok(1));
    assert_eq!(send(&one, b"g", &me), Ok(1));
    let (bytes, incoming) = receive(&other, 9, 0, &me).expect("data");
    assert_eq!(bytes, b"f", "bytes behind a file are another message");
    let read: Vec<_> = cmsg::parse(&incoming.control).map(|c| c.expect("well formed")).collect();
    assert_eq!((read[0].level, read[0].kind), (SOL_SOCKET, SCM_CREDENTIALS));
    assert_eq!(read[0].data[..4], 42_u32.to_ne_bytes());
    assert_eq!((read[1].kind, read[1].data), (SCM_RIGHTS, &[1, 0, 0, 0][..]));
    let file = me.file(1).expect("installed").downcast::<u32>().expect("the same");
    assert_eq!(*file, 5);
}

#[test]
fn nobody_may_claim_to_be_another() {
    let (_stack, ns) = world();
    let me = TestProcess::user(1_000);
    let (one, _other) = UnixSocket::pair(&ns, UnixKind::Stream, &me);
    let mut control = Writer::new(64);
    let lie = Credentials { pid: 1, uid: 0, gid: 0 };
    control.put(SOL_SOCKET, SCM_CREDENTIALS, &lie.to_bytes());
    let (control, _) = control.finish();
    assert_eq!(send_with(&one, b"f", &control, &me), Err(Errno::EPERM));
}

#[test]
fn files_in_transit_are_bounded_and_counted_until_they_arrive() {
    let (_stack, ns) = world();
    let me = TestProcess::default();
    let fd = me.install_file(Arc::new(()), false).expect("room");
    let mut control = Writer::new(4_096);
    control.put(SOL_SOCKET, SCM_RIGHTS, &fd.to_ne_bytes().repeat(253));
    let (control, _) = control.finish();
    let (one, other) = UnixSocket::pair(&ns, UnixKind::Stream, &me);
    let sent = (0..100).take_while(|_| send_with(&one, b"f", &control, &me).is_ok()).count();
    assert_eq!(sent, 16);
    assert_eq!(send_with(&one, b"f", &control, &me), Err(Errno::ETOOMANYREFS));
    receive(&other, 1, 0, &me).expect("the first");
    assert_eq!(send_with(&one, b"f", &control, &me), Ok(1));
    other.close();
    let (one, _other) = UnixSocket::pair(&ns, UnixKind::Stream, &me);
    assert_eq!(send_with(&one, b"f", &control, &me), Ok(1));
}
