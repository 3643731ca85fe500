//! The directory of a process, and of each of its threads under `task`.

use alloc::format;
use core::sync::atomic::Ordering;

use super::descriptors::{Descriptors, Infos};
use super::links::{Namespaces, Place, PlaceLink};
use super::{memory, network, parse_number, status};
use crate::fs::generated::{Directory, Node, Text};
use crate::fs::mount::{mountinfo, mounts};
use crate::fs::stat::Kind;
use crate::prelude::*;
use crate::process::{Capability, Pid, Process, Thread, current, tree};

/// The directory of a process, or of one of its threads.
pub(super) struct ProcessDirectory {
    subject: Subject,
}

/// Whom a file in /proc is about. A thread stands for its process as long as it lives.
#[derive(Clone)]
pub(super) struct Subject {
    pub(super) process: Arc<Process>,
    /// The thread, in a directory below `task`.
    pub(super) thread: Option<Arc<Thread>>,
}

impl Subject {
    /// The thread whose files, directories and namespaces are shown.
    ///
    /// # Errors
    /// `ESRCH` for a process that has ended.
    pub(super) fn thread(&self) -> Result<Arc<Thread>> {
        match &self.thread {
            Some(thread) => Ok(thread.clone()),
            None => self.process.main_thread().ok_or(Errno::ESRCH),
        }
    }

    /// The number of the directory.
    pub(super) fn id(&self) -> Pid {
        self.thread.as_ref().map_or(self.process.pid(), |thread| thread.tid())
    }

    fn is_current(&self) -> bool {
        match &self.thread {
            Some(thread) => tree::thread(thread.tid()).is_some_and(|now| Arc::ptr_eq(&now, thread)),
            None => tree::process(self.process.pid())
                .is_some_and(|now| Arc::ptr_eq(&now, &self.process)),
        }
    }

    /// Whose the files are.
    pub(super) fn owner(&self) -> (u32, u32) {
        let dumpable = self.process.dumpable.load(Ordering::Relaxed) == 1;
        match self.process.credentials() {
            Some(who) if dumpable => (who.uid.effective, who.gid.effective),
            _ => (0, 0),
        }
    }

    /// `EACCES` unless the caller may look into the process: it has the same user, or
    /// is privileged (ptrace(2), "Ptrace access mode checking").
    ///
    /// # Errors
    /// `EACCES`.
    pub(super) fn check_access(&self) -> Result<()> {
        let caller = current();
        if Arc::ptr_eq(caller.process(), &self.process) {
            return Ok(());
        }
        let own = caller.credentials();
        let Some(theirs) = self.process.credentials() else { return Ok(()) };
        let (uid, gid) = (own.uid.fs, own.gid.fs);
        let same = [theirs.uid.real, theirs.uid.effective, theirs.uid.saved] == [uid; 3]
            && [theirs.gid.real, theirs.gid.effective, theirs.gid.saved] == [gid; 3]
            && own.effective.contains(theirs.permitted);
        // SYS_PTRACE is not among the named capabilities; SYS_ADMIN holders have it.
        if same || own.has(Capability::SysAdmin) { Ok(()) } else { Err(Errno::EACCES) }
    }
}

type Show = fn(&Subject) -> Result<Vec<u8>>;

/// The texts, each with its permissions.
const TEXTS: &[(&str, u32, Show)] = &[
    ("cgroup", 0o444, |_| Ok(b"0::/\n".to_vec())),
    ("cmdline", 0o444, memory::cmdline),
    ("environ", 0o400, memory::environ),
    ("gid_map", 0o644, identity_map),
    ("limits", 0o444, status::limits),
    ("loginuid", 0o644, |_| Ok(b"4294967295".to_vec())),
    ("maps", 0o444, memory::maps),
    ("mountinfo", 0o444, |subject| show_mounts(subject, mountinfo)),
    ("mounts", 0o444, |subject| show_mounts(subject, mounts)),
    ("oom_score", 0o444, |_| Ok(b"0\n".to_vec())),
    ("oom_score_adj", 0o644, |_| Ok(b"0\n".to_vec())),
    ("setgroups", 0o644, |_| Ok(b"allow\n".to_vec())),
    ("stat", 0o444, status::stat),
    ("statm", 0o444, memory::statm),
    ("status", 0o444, status::status),
    ("uid_map", 0o644, identity_map),
];

const DIRECTORIES: &[&str] = &["fd", "fdinfo", "net", "ns", "task"];
const LINKS: &[&str] = &["cwd", "exe", "root"];

/// The first user namespace maps every id to itself.
fn identity_map(_subject: &Subject) -> Result<Vec<u8>> {
    Ok(format!("{:10} {:10} {:10}\n", 0, 0, u32::MAX).into_bytes())
}

fn show_mounts(
    subject: &Subject,
    show: fn(&crate::fs::mount::MountNamespace, &crate::fs::mount::Path) -> Vec<u8>,
) -> Result<Vec<u8>> {
    let context = subject.thread()?.fs().map_err(|_| Errno::EINVAL)?;
    Ok(show(&context.namespace(), &context.root()))
}

impl ProcessDirectory {
    pub(super) fn new(process: Arc<Process>, thread: Option<Arc<Thread>>) -> Self {
        Self { subject: Subject { process, thread } }
    }
}

impl Directory for ProcessDirectory {
    fn names(&self) -> Vec<(Vec<u8>, Kind)> {
        let shown = |name: &&&str| self.subject.thread.is_none() || **name != "task";
        let directories = DIRECTORIES.iter().filter(shown).map(|name| (*name, Kind::Directory));
        let links = LINKS.iter().map(|name| (*name, Kind::Symlink));
        let texts = TEXTS.iter().map(|(name, ..)| (*name, Kind::Regular));
        let comm = [("comm", Kind::Regular)];
        let all = directories.chain(links).chain(texts).chain(comm);
        all.map(|(name, kind)| (name.as_bytes().to_vec(), kind)).collect()
    }

    fn entry(&self, name: &[u8]) -> Option<Node> {
        let subject = self.subject.clone();
        let text = TEXTS.iter().find(|(known, ..)| known.as_bytes() == name);
        if let Some((_, permissions, show)) = text {
            let text = ProcessText { subject, permissions: *permissions, show: *show };
            return Some(Node::Text(Arc::new(text)));
        }
        let place = |place| Some(Node::Link(Arc::new(PlaceLink::new(self.subject.clone(), place))));
        match name {
            b"comm" => Some(Node::Text(Arc::new(Name { subject }))),
            b"cwd" => place(Place::Cwd),
            b"exe" => place(Place::Program),
            b"root" => place(Place::Root),
            b"fd" => Some(Node::Directory(Arc::new(Descriptors { subject }))),
            b"fdinfo" => Some(Node::Directory(Arc::new(Infos { subject }))),
            b"net" => Some(network::directory(subject)),
            b"ns" => Some(Node::Directory(Arc::new(Namespaces { subject }))),
            b"task" if subject.thread.is_none() => {
                Some(Node::Directory(Arc::new(Tasks { process: subject.process })))
            }
            _ => None,
        }
    }

    fn is_current(&self) -> bool {
        self.subject.is_current()
    }

    fn owner(&self) -> (u32, u32) {
        self.subject.owner()
    }
}

struct ProcessText {
    subject: Subject,
    permissions: u32,
    show: Show,
}

impl Text for ProcessText {
    fn read(&self) -> Result<Vec<u8>> {
        (self.show)(&self.subject)
    }

    /// The maps of the first user namespace were written at boot, and what else looks
    /// writable has the only value it can have here.
    fn write(&self, _text: &[u8]) -> Result<()> {
        Err(Errno::EPERM)
    }

    fn permissions(&self) -> u32 {
        self.permissions
    }

    fn owner(&self) -> (u32, u32) {
        self.subject.owner()
    }
}

/// The name of a thread, which its process may change.
struct Name {
    subject: Subject,
}

impl Text for Name {
    fn read(&self) -> Result<Vec<u8>> {
        let mut name = self.subject.thread()?.name();
        name.push(b'\n');
        Ok(name)
    }

    fn write(&self, text: &[u8]) -> Result<()> {
        let thread = self.subject.thread()?;
        if !Arc::ptr_eq(current().process(), thread.process()) {
            return Err(Errno::EINVAL);
        }
        let end = text.iter().position(|byte| matches!(byte, 0 | b'\n')).unwrap_or(text.len());
        thread.set_name(&crate::process::cut_name(&text[..end]));
        Ok(())
    }

    fn permissions(&self) -> u32 {
        0o644
    }

    fn owner(&self) -> (u32, u32) {
        self.subject.owner()
    }
}

/// The directory of a process's threads.
struct Tasks {
    process: Arc<Process>,
}

impl Directory for Tasks {
    fn names(&self) -> Vec<(Vec<u8>, Kind)> {
        let threads = self.process.threads().into_iter();
        threads.map(|thread| (format!("{}", thread.tid()).into_bytes(), Kind::Directory)).collect()
    }

    fn entry(&self, name: &[u8]) -> Option<Node> {
        let tid = Pid::try_from(parse_number(name)?).ok()?;
        let thread = self.process.threads().into_iter().find(|thread| thread.tid() == tid)?;
        let directory = ProcessDirectory::new(self.process.clone(), Some(thread));
        Some(Node::Directory(Arc::new(directory)))
    }

    fn is_current(&self) -> bool {
        !self.process.threads().is_empty()
    }
}
