//! /proc/PID/net: the network namespace of a process as text.

use super::process::Subject;
use crate::fs::generated::{Directory, Node};
use crate::fs::stat::Kind;
use crate::net;
use crate::prelude::*;

/// The directory for the namespace `subject` is in.
pub(super) fn directory(subject: Subject) -> Node {
    Node::Directory(Arc::new(NetDirectory { subject }))
}

struct NetDirectory {
    subject: Subject,
}

impl Directory for NetDirectory {
    fn names(&self) -> Vec<(Vec<u8>, Kind)> {
        let names = warren_syscall::procfs::names();
        names.map(|name| (name.as_bytes().to_vec(), Kind::Regular)).collect()
    }

    fn entry(&self, name: &[u8]) -> Option<Node> {
        let name = warren_syscall::procfs::names().find(|known| known.as_bytes() == name)?;
        let subject = self.subject.clone();
        Some(Node::text(move || {
            let namespaces = subject.thread()?.ns()?;
            let text = warren_syscall::procfs::read(
                name.as_bytes(),
                namespaces.net.namespace(),
                &net::enter(),
            );
            text.ok_or(Errno::ENOENT)?
        }))
    }
}
