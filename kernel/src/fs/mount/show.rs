//! /proc/PID/mountinfo and /proc/PID/mounts.

use alloc::format;

use super::path::inside;
use super::{Mount, MountFlags, MountNamespace, MountRef, Path, forest};
use crate::prelude::*;

struct Row {
    mount: Arc<Mount>,
    parent: u64,
    tags: String,
}

/// The mounts of a namespace that can be reached from `root`, oldest first, with the
/// place each covers.
fn rows(namespace: &MountNamespace, root: &Path) -> Vec<(Row, Vec<u8>)> {
    let rows: Vec<Row> = {
        let forest = forest();
        let row = |(id, mount): (_, &MountRef)| {
            let parent = forest.parent(id).map_or(id, |(parent, _)| parent.0.id);
            let mut tags = String::new();
            let (peers, master) = forest.groups_of(id);
            if let Some(group) = peers {
                tags.push_str(&format!(" shared:{}", group.0));
            }
            if let Some(group) = master {
                tags.push_str(&format!(" master:{}", group.0));
            }
            if forest.is_unbindable(id) {
                tags.push_str(" unbindable");
            }
            Row { mount: mount.0.clone(), parent: parent.0, tags }
        };
        forest.mounts_of(namespace.id()).map(row).collect()
    };
    let place = |row: Row| {
        let (place, reachable) = Path::root_of(row.mount.clone()).absolute(root);
        reachable.then_some((row, place))
    };
    rows.into_iter().filter_map(place).collect()
}

fn options(flags: MountFlags) -> String {
    let mut text = String::from(if flags.contains(MountFlags::RDONLY) { "ro" } else { "rw" });
    for (flag, name) in [
        (MountFlags::NOSUID, ",nosuid"),
        (MountFlags::NODEV, ",nodev"),
        (MountFlags::NOEXEC, ",noexec"),
        (MountFlags::NOATIME, ",noatime"),
        (MountFlags::NODIRATIME, ",nodiratime"),
        (MountFlags::RELATIME, ",relatime"),
    ] {
        if flags.contains(flag) {
            text.push_str(name);
        }
    }
    text
}

/// Spaces and their like as octal escapes, as these files write them.
fn escape(text: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(text.len());
    for byte in text {
        match byte {
            b' ' | b'\t' | b'\n' | b'\\' => {
                escaped.extend_from_slice(format!("\\{byte:03o}").as_bytes());
            }
            byte => escaped.push(*byte),
        }
    }
    escaped
}

/// The text of mountinfo (proc(5)).
#[must_use]
pub fn mountinfo(namespace: &MountNamespace, root: &Path) -> Vec<u8> {
    let mut text = Vec::new();
    for (row, place) in rows(namespace, root) {
        let device = row.mount.file_system.device();
        let ids = format!("{} {} {}:{} ", row.mount.id.0, row.parent, device.major, device.minor);
        text.extend_from_slice(ids.as_bytes());
        text.extend_from_slice(&escape(&inside(&row.mount.root)));
        text.push(b' ');
        text.extend_from_slice(&escape(&place));
        let file_system = &row.mount.file_system;
        let middle =
            format!(" {}{} - {} ", options(row.mount.flags()), row.tags, file_system.name());
        text.extend_from_slice(middle.as_bytes());
        text.extend_from_slice(&escape(&row.mount.source));
        text.extend_from_slice(format!(" rw{}\n", file_system.options()).as_bytes());
    }
    text
}

/// The text of mounts (fstab(5)).
#[must_use]
pub fn mounts(namespace: &MountNamespace, root: &Path) -> Vec<u8> {
    let mut text = Vec::new();
    for (row, place) in rows(namespace, root) {
        let file_system = &row.mount.file_system;
        text.extend_from_slice(&escape(&row.mount.source));
        text.push(b' ');
        text.extend_from_slice(&escape(&place));
        let flags = options(row.mount.flags());
        let rest = format!(" {} {flags}{} 0 0\n", file_system.name(), file_system.options());
        text.extend_from_slice(rest.as_bytes());
    }
    text
}
