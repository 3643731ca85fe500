//! The magic links of a process: its directories, its program, its namespaces.

use super::process::Subject;
use crate::fs::generated::{Directory, Link, Node};
use crate::fs::mount::Path;
use crate::fs::nsfs::{NsKind, NsObject, namespace_name, namespace_path};
use crate::fs::stat::Kind;
use crate::fs::walk::Walker;
use crate::prelude::*;
use crate::process::current;

/// Which place of a process a link leads to.
#[derive(Clone, Copy)]
pub(super) enum Place {
    Cwd,
    Root,
    Program,
}

/// A link to a place of a process.
pub(super) struct PlaceLink {
    subject: Subject,
    place: Place,
}

impl PlaceLink {
    pub(super) fn new(subject: Subject, place: Place) -> Self {
        Self { subject, place }
    }

    fn path(&self) -> Result<Path> {
        self.subject.check_access()?;
        let thread = self.subject.thread().map_err(|_| Errno::ENOENT)?;
        let context = thread.fs().map_err(|_| Errno::ENOENT)?;
        match self.place {
            Place::Cwd => Ok(context.cwd()),
            Place::Root => Ok(context.root()),
            Place::Program => {
                let program = self.subject.process.executable();
                Walker::new(&thread)?.find(&context.root(), &program, true)
            }
        }
    }
}

impl Link for PlaceLink {
    fn text(&self) -> Result<Vec<u8>> {
        if let Place::Program = self.place {
            // Known even if the file is gone by now.
            self.subject.check_access()?;
            let program = self.subject.process.executable();
            return if program.is_empty() { Err(Errno::ENOENT) } else { Ok(program.to_vec()) };
        }
        let path = self.path()?;
        Ok(path.display(&current().fs()?.root()))
    }

    fn target(&self) -> Result<Option<Path>> {
        self.path().map(Some)
    }
}

/// /proc/PID/ns.
pub(super) struct Namespaces {
    pub(super) subject: Subject,
}

/// The kinds, in the order they are listed.
const KINDS: [NsKind; 7] = [
    NsKind::Cgroup,
    NsKind::Ipc,
    NsKind::Mount,
    NsKind::Net,
    NsKind::Pid,
    NsKind::User,
    NsKind::Uts,
];

impl Directory for Namespaces {
    fn names(&self) -> Vec<(Vec<u8>, Kind)> {
        let name = |kind: NsKind| (kind.name().as_bytes().to_vec(), Kind::Symlink);
        KINDS.into_iter().map(name).collect()
    }

    fn entry(&self, name: &[u8]) -> Option<Node> {
        let kind = KINDS.into_iter().find(|kind| kind.name().as_bytes() == name)?;
        let link = NamespaceLink { subject: self.subject.clone(), kind };
        Some(Node::Link(Arc::new(link)))
    }

    fn owner(&self) -> (u32, u32) {
        self.subject.owner()
    }

    fn permissions(&self) -> u32 {
        0o511
    }
}

struct NamespaceLink {
    subject: Subject,
    kind: NsKind,
}

impl NamespaceLink {
    fn object(&self) -> Result<Arc<dyn NsObject>> {
        self.subject.check_access()?;
        let thread = self.subject.thread().map_err(|_| Errno::ENOENT)?;
        if self.kind == NsKind::Mount {
            let context = thread.fs().map_err(|_| Errno::ENOENT)?;
            return Ok(context.namespace());
        }
        let namespaces = thread.ns().map_err(|_| Errno::ENOENT)?;
        namespaces.object(self.kind).ok_or(Errno::ENOENT)
    }
}

impl Link for NamespaceLink {
    fn text(&self) -> Result<Vec<u8>> {
        Ok(namespace_name(&*self.object()?))
    }

    fn target(&self) -> Result<Option<Path>> {
        Ok(Some(namespace_path(self.object()?)))
    }
}
