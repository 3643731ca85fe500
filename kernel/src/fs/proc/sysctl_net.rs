//! /proc/sys/net: the settings of the network namespace of whoever looks.

use warren_syscall::sysctl::{Entry, Setting, find};

use crate::fs::generated::{Directory, Node, Text};
use crate::fs::stat::Kind;
use crate::net::socket::UserProcess;
use crate::prelude::*;
use crate::process::{current, try_current};

/// The directory /proc/sys/net.
pub(super) fn directory() -> Node {
    Node::Directory(Arc::new(Names { path: Vec::new() }))
}

fn find_here(path: &[Vec<u8>]) -> Option<Entry> {
    let namespaces = try_current()?.ns().ok()?;
    let path: Vec<&[u8]> = path.iter().map(Vec::as_slice).collect();
    find(namespaces.net.namespace(), &path)
}

/// A directory, by its path below /proc/sys/net.
struct Names {
    path: Vec<Vec<u8>>,
}

impl Directory for Names {
    fn names(&self) -> Vec<(Vec<u8>, Kind)> {
        let Some(Entry::Directory(names)) = find_here(&self.path) else { return Vec::new() };
        let kind = |directory| if directory { Kind::Directory } else { Kind::Regular };
        names.into_iter().map(|(name, directory)| (name, kind(directory))).collect()
    }

    fn entry(&self, name: &[u8]) -> Option<Node> {
        let path: Vec<Vec<u8>> = self.path.iter().cloned().chain([name.to_vec()]).collect();
        Some(match find_here(&path)? {
            Entry::Directory(_) => Node::Directory(Arc::new(Self { path })),
            Entry::Setting(setting) => Node::Text(Arc::new(SettingText(setting))),
        })
    }

    /// Links come and go, and another reader may be in another namespace.
    fn is_current(&self) -> bool {
        matches!(find_here(&self.path), Some(Entry::Directory(_)))
    }
}

struct SettingText(Setting);

impl Text for SettingText {
    fn read(&self) -> Result<Vec<u8>> {
        Ok(self.0.read().into_bytes())
    }

    fn write(&self, text: &[u8]) -> Result<()> {
        self.0.write(text, &UserProcess::new(current()))
    }

    fn permissions(&self) -> u32 {
        if self.0.is_writable() { 0o644 } else { 0o444 }
    }
}
