//! What files say, and what writing them does.

use alloc::string::String;

use warren_netns::Ifindex;
use warren_platform::Instant;

use super::*;
use crate::testing::{TestProcess, world};

fn text(name: &str, link: &Arc<Link>) -> Result<String, Errno> {
    let bytes = read(name.as_bytes(), link).expect("the attribute exists")?;
    Ok(String::from_utf8(bytes).expect("text"))
}

#[test]
fn a_loopback_that_is_down_reads_as_on_linux() {
    let (_stack, ns) = world();
    let lo = ns.link(Ifindex::LOOPBACK).expect("a loopback");
    for (name, expected) in [
        ("address", "00:00:00:00:00:00\n"),
        ("flags", "0x8\n"),
        ("ifalias", ""),
        ("ifindex", "1\n"),
        ("iflink", "1\n"),
        ("mtu", "65536\n"),
        ("operstate", "down\n"),
        ("type", "772\n"),
        ("uevent", "INTERFACE=lo\nIFINDEX=1\n"),
    ] {
        assert_eq!(text(name, &lo).as_deref(), Ok(expected), "{name}");
    }
    for refused in ["carrier", "dormant", "duplex", "speed"] {
        assert_eq!(text(refused, &lo), Err(Errno::EINVAL), "{refused}");
    }
    assert_eq!(read(b"nosuch", &lo), None);
    assert_eq!(statistic(b"rx_packets", &lo).as_deref(), Some(&b"0\n"[..]));
    assert_eq!(statistic(b"nosuch", &lo), None);
}

#[test]
fn writing_changes_the_link_or_nothing() {
    let (stack, ns) = world();
    let cx = stack.enter(Instant::ZERO);
    let lo = ns.link(Ifindex::LOOPBACK).expect("a loopback");
    let root = TestProcess::default();
    assert_eq!(write(b"mtu", b"0x500\n", &lo, &root, &cx), Ok(()));
    assert_eq!(text("mtu", &lo).as_deref(), Ok("1280\n"));
    assert_eq!(write(b"flags", b"9", &lo, &root, &cx), Ok(()));
    assert_eq!(text("operstate", &lo).as_deref(), Ok("unknown\n"));
    assert_eq!(text("carrier", &lo).as_deref(), Ok("1\n"));
    assert_eq!(write(b"ifalias", b"the way home\n", &lo, &root, &cx), Ok(()));
    assert_eq!(text("ifalias", &lo).as_deref(), Ok("the way home\n"));
    for bad in ["", "x", "-1", "+1", "4294967296", "12 "] {
        assert_eq!(write(b"mtu", bad.as_bytes(), &lo, &root, &cx), Err(Errno::EINVAL), "{bad:?}");
    }
    assert_eq!(write(b"address", b"1", &lo, &root, &cx), Err(Errno::EACCES));
    let user = TestProcess::user(1000);
    assert_eq!(write(b"mtu", b"1500", &lo, &user, &cx), Err(Errno::EPERM));
    assert_eq!(text("mtu", &lo).as_deref(), Ok("1280\n"));
}

#[test]
fn the_names_are_sorted_and_none_is_listed_twice() {
    for names in [attributes().collect::<Vec<_>>(), statistics().collect()] {
        assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
    }
    assert!(attributes().filter(|name| is_writable(name.as_bytes())).count() == 5);
}
