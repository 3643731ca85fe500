use alloc::string::String;
use alloc::sync::Arc;

use warren_netns::Namespace;

use super::*;
use crate::errno::Errno;
use crate::testing::{TestProcess, world};

fn setting(ns: &Arc<Namespace>, path: &str) -> Setting {
    let names: Vec<&[u8]> = path.split('/').map(str::as_bytes).collect();
    match find(ns, &names) {
        Some(Entry::Setting(setting)) => setting,
        _ => panic!("{path} is no setting"),
    }
}

fn read(ns: &Arc<Namespace>, path: &str) -> String {
    setting(ns, path).read()
}

fn write(ns: &Arc<Namespace>, path: &str, text: &str) -> Result<(), Errno> {
    setting(ns, path).write(text.as_bytes(), &TestProcess::default())
}

#[test]
fn every_name_a_directory_lists_is_found() {
    let (_stack, ns) = world();
    let mut paths: Vec<Vec<Vec<u8>>> = Vec::from([Vec::new()]);
    let mut settings = 0;
    while let Some(path) = paths.pop() {
        let names: Vec<&[u8]> = path.iter().map(Vec::as_slice).collect();
        match find(&ns, &names).expect("it was listed") {
            Entry::Directory(entries) => {
                assert!(entries.is_sorted());
                for (name, _) in entries {
                    paths.push(path.iter().cloned().chain([name]).collect());
                }
            }
            Entry::Setting(setting) => {
                assert!(setting.read().ends_with('\n'));
                settings += 1;
            }
        }
    }
    assert!(settings > 100, "conf/{{all,default,lo}} alone have 99");
}

#[test]
fn forwarding_is_one_setting_with_many_names() {
    let (_stack, ns) = world();
    assert_eq!(read(&ns, "ipv4/ip_forward"), "0\n");
    assert_eq!(write(&ns, "ipv4/ip_forward", "1\n"), Ok(()));
    for name in ["all", "default", "lo"] {
        let path = alloc::format!("ipv4/conf/{name}/forwarding");
        assert_eq!(read(&ns, &path), "1\n");
    }
    assert_eq!(write(&ns, "ipv4/conf/lo/forwarding", "0"), Ok(()));
    assert_eq!(read(&ns, "ipv4/ip_forward"), "1\n");
}

#[test]
fn texts_that_are_no_numbers_or_out_of_range_change_nothing() {
    let (_stack, ns) = world();
    assert_eq!(write(&ns, "ipv4/ip_default_ttl", "256"), Err(Errno::EINVAL));
    assert_eq!(write(&ns, "ipv4/ip_default_ttl", "x"), Err(Errno::EINVAL));
    assert_eq!(write(&ns, "ipv4/ip_default_ttl", ""), Ok(()));
    assert_eq!(read(&ns, "ipv4/ip_default_ttl"), "64\n");
    assert_eq!(write(&ns, "core/rmem_max", "1"), Err(Errno::EPERM));
    assert_eq!(write(&ns, "ipv4/ip_unprivileged_port_start", "65536"), Err(Errno::EINVAL));
    let user = setting(&ns, "ipv4/ip_forward").write(b"1", &TestProcess::user(1_000));
    assert_eq!(user, Err(Errno::EPERM));
    assert!(find(&ns, &[b"ipv4", b"conf", b"nothing"]).is_none());
    assert!(find(&ns, &[b"ipv6"]).is_none());
}

#[test]
fn the_ping_group_range_says_who_may_ping() {
    let (_stack, ns) = world();
    let door = ns.extensions.get::<DoorSysctls>();
    assert_eq!(read(&ns, "ipv4/ping_group_range"), "1\t0\n");
    assert!(!door.may_ping(&TestProcess::default()));
    assert_eq!(write(&ns, "ipv4/ping_group_range", "0 1000"), Ok(()));
    assert!(door.may_ping(&TestProcess::default()) && door.may_ping(&TestProcess::user(1_000)));
    assert!(!door.may_ping(&TestProcess::user(1_001)));
    assert_eq!(write(&ns, "ipv4/ping_group_range", "0"), Err(Errno::EINVAL));
    assert_eq!(write(&ns, "ipv4/ping_group_range", "5 4"), Ok(()));
    assert_eq!(read(&ns, "ipv4/ping_group_range"), "1\t0\n");
}
