//! /proc/sys: settings (sysctl(8)). A setting is a path and how to read and write it.

use alloc::format;

use super::sysctl_net;
use crate::fs::generated::{Directory, Node, Text};
use crate::fs::stat::Kind;
use crate::prelude::*;
use crate::process::{Capability, LAST_CAPABILITY, UTS_LEN, current};
use crate::random;
use crate::system::{RELEASE, VERSION};

type Read = fn() -> Result<String>;
type Write = fn(&[u8]) -> Result<()>;

/// A setting: path below /proc/sys, reading, and writing if it can be changed.
type Setting = (&'static str, Read, Option<Write>);

const SETTINGS: &[Setting] = &[
    ("fs/file-max", || Ok(String::from("9223372036854775807")), None),
    ("fs/mount-max", || Ok(format!("{}", crate::fs::mount::MAX_MOUNTS)), None),
    ("fs/nr_open", || Ok(format!("{}", crate::fs::fdtable::MAX_FILES)), None),
    ("fs/pipe-max-size", || Ok(format!("{}", crate::fs::pipe::MAX_CAPACITY)), None),
    ("kernel/cap_last_cap", || Ok(format!("{LAST_CAPABILITY}")), None),
    ("kernel/domainname", || name(|names| names.1), Some(|text| set_name(text, false))),
    ("kernel/hostname", || name(|names| names.0), Some(|text| set_name(text, true))),
    ("kernel/ngroups_max", || Ok(String::from("65536")), None),
    ("kernel/osrelease", || Ok(String::from(RELEASE)), None),
    ("kernel/ostype", || Ok(String::from("Linux")), None),
    ("kernel/overflowgid", || Ok(String::from("65534")), None),
    ("kernel/overflowuid", || Ok(String::from("65534")), None),
    ("kernel/pid_max", || Ok(String::from("32768")), None),
    ("kernel/random/boot_id", || Ok(boot_id()), None),
    ("kernel/random/entropy_avail", || Ok(String::from("256")), None),
    ("kernel/random/poolsize", || Ok(String::from("256")), None),
    ("kernel/random/uuid", || Ok(uuid()), None),
    ("kernel/version", || Ok(String::from(VERSION)), None),
    ("vm/max_map_count", || Ok(String::from("65530")), None),
    ("vm/mmap_min_addr", || Ok(String::from("65536")), None),
    ("vm/overcommit_memory", || Ok(String::from("1")), None),
];

/// The host name and the domain name.
type Names = (Vec<u8>, Vec<u8>);

fn name(which: fn(Names) -> Vec<u8>) -> Result<String> {
    Ok(String::from_utf8_lossy(&which(current().ns()?.uts.names())).into_owned())
}

fn set_name(text: &[u8], host: bool) -> Result<()> {
    let thread = current();
    thread.credentials().require(Capability::SysAdmin)?;
    let end = text.iter().position(|byte| matches!(byte, 0 | b'\n')).unwrap_or(text.len());
    let name = text[..end.min(UTS_LEN)].to_vec();
    let namespaces = thread.ns()?;
    if host {
        namespaces.uts.set_host(name)
    } else {
        namespaces.uts.set_domain(name)
    }
    Ok(())
}

/// A random number in the form of a version 4 UUID (RFC 9562, section 5.4).
fn uuid() -> String {
    let mut bytes = [0; 16];
    random::fill(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let dash = |index: usize| if matches!(index, 4 | 6 | 8 | 10) { "-" } else { "" };
    let digits = |(index, byte): (usize, &u8)| format!("{}{byte:02x}", dash(index));
    bytes.iter().enumerate().map(digits).collect()
}

fn boot_id() -> String {
    static BOOT: spin::Once<String> = spin::Once::new();
    BOOT.call_once(uuid).clone()
}

/// The directory /proc/sys.
pub(super) fn root() -> Node {
    Node::Directory(Arc::new(Settings { prefix: String::new() }))
}

/// The settings whose path starts with a prefix, which ends in a slash unless empty.
struct Settings {
    prefix: String,
}

impl Directory for Settings {
    fn names(&self) -> Vec<(Vec<u8>, Kind)> {
        let mut names: Vec<(Vec<u8>, Kind)> = Vec::new();
        for (path, ..) in SETTINGS {
            let Some(rest) = path.strip_prefix(self.prefix.as_str()) else { continue };
            let (name, kind) = match rest.split_once('/') {
                Some((name, _)) => (name, Kind::Directory),
                None => (rest, Kind::Regular),
            };
            if names.last().is_none_or(|last| last.0 != name.as_bytes()) {
                names.push((name.as_bytes().to_vec(), kind));
            }
        }
        if self.prefix.is_empty() {
            names.push((b"net".to_vec(), Kind::Directory));
        }
        names
    }

    fn entry(&self, name: &[u8]) -> Option<Node> {
        if self.prefix.is_empty() && name == b"net" {
            return Some(sysctl_net::directory());
        }
        let name = core::str::from_utf8(name).ok()?;
        let path = format!("{}{name}", self.prefix);
        if let Some((_, read, write)) = SETTINGS.iter().find(|(known, ..)| *known == path) {
            return Some(Node::Text(Arc::new(SettingText { read: *read, write: *write })));
        }
        let prefix = path + "/";
        SETTINGS
            .iter()
            .any(|(known, ..)| known.starts_with(&prefix))
            .then(|| Node::Directory(Arc::new(Self { prefix })))
    }
}

struct SettingText {
    read: Read,
    write: Option<Write>,
}

impl Text for SettingText {
    fn read(&self) -> Result<Vec<u8>> {
        Ok(((self.read)()? + "\n").into_bytes())
    }

    fn write(&self, text: &[u8]) -> Result<()> {
        self.write.map_or(Err(Errno::EPERM), |write| write(text))
    }

    fn permissions(&self) -> u32 {
        if self.write.is_some() { 0o644 } else { 0o444 }
    }
}
