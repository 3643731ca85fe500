use alloc::string::String;

use warren_platform::Instant;

use crate::testing::{TestProcess, world};
use crate::unix::{UnixKind, UnixSocket};

fn file(name: &str, ns: &alloc::sync::Arc<warren_netns::Namespace>) -> String {
    let stack = ns.stack().expect("alive");
    let cx = stack.enter(Instant::ZERO);
    let text = super::read(name.as_bytes(), ns, &cx).expect("a file").expect("memory");
    String::from_utf8(text).expect("text")
}

#[test]
fn the_link_table_looks_as_linux_prints_it() {
    let (_stack, ns) = world();
    let expected = "    lo:       0       0    0    0    0     0          0         0        \
                    0       0    0    0    0     0       0          0\n";
    let text = file("dev", &ns);
    assert!(text.starts_with("Inter-|   Receive                                    "));
    assert!(text.ends_with(expected), "{text}");
}

#[test]
fn every_file_has_a_head_and_unknown_names_none() {
    let (_stack, ns) = world();
    let stack = ns.stack().expect("alive");
    let cx = stack.enter(Instant::ZERO);
    assert_eq!(file("route", &ns), "", "no table before the first route");
    for name in super::names().filter(|name| *name != "route") {
        assert!(!file(name, &ns).is_empty(), "{name}");
    }
    assert!(super::names().is_sorted());
    assert!(super::read(b"tcp6", &ns, &cx).is_none());
    assert_eq!(file("psched", &ns), "000003e8 00000040 000f4240 3b9aca00\n");
}

#[test]
fn unix_sockets_are_listed_with_state_and_name() {
    let (_stack, ns) = world();
    let me = TestProcess::default();
    let socket = UnixSocket::open(&ns, UnixKind::Stream, &me);
    socket.bind(crate::sockaddr::UnixAddr::Abstract(b"x\0y"), &me).expect("free");
    socket.listen(1, &me).expect("bound");
    socket.set_inode(77);
    let text = file("unix", &ns);
    let line = text.lines().nth(1).expect("one socket");
    assert_eq!(line, "0000000000000000: 00000002 00000000 00010000 0001 01    77 @x@y");
}
