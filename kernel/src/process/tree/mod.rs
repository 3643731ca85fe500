//! The process tree: who is whose child, and process groups and sessions.
//!
//! One lock for all of it, as little of the kernel's work is about the shape of
//! the tree. What happens to a process because of its place is decided under the lock
//! and done after it.

mod ending;

use alloc::collections::{BTreeMap, BTreeSet};

use ostd::sync::{LocalIrqDisabled, SpinLock};

pub use ending::{bury, reap, tell_parent_of_change};

use super::terminal::Session;
use super::{ExitStatus, Pid, Process, Thread};
use crate::prelude::*;

/// Pids wrap here (kernel.pid_max).
const MAX_PID: Pid = 32_768;
/// Where they start again: the low ones belong to what boots.
const FIRST_RECYCLED: Pid = 300;

struct Node {
    process: Arc<Process>,
    parent: Pid,
    children: BTreeSet<Pid>,
    group: Pid,
    session: Arc<Session>,
    /// Set when the process has ended and waits to be waited for.
    zombie: Option<ExitStatus>,
}

struct Tree {
    nodes: BTreeMap<Pid, Node>,
    threads: BTreeMap<Pid, Arc<Thread>>,
    groups: BTreeMap<Pid, BTreeSet<Pid>>,
    /// The sessions there are; an entry may outlast its session until its id is wanted.
    sessions: BTreeMap<Pid, Weak<Session>>,
    last_pid: Pid,
}

static TREE: SpinLock<Tree, LocalIrqDisabled> = SpinLock::new(Tree {
    nodes: BTreeMap::new(),
    threads: BTreeMap::new(),
    groups: BTreeMap::new(),
    sessions: BTreeMap::new(),
    last_pid: 0,
});

impl Tree {
    /// A pid that no process, thread, group or session has.
    fn free_pid(&mut self) -> Result<Pid> {
        for _ in 0..MAX_PID {
            self.last_pid += 1;
            if self.last_pid >= MAX_PID {
                self.last_pid = FIRST_RECYCLED;
            }
            let pid = self.last_pid;
            let in_use = self.threads.contains_key(&pid)
                || self.nodes.contains_key(&pid)
                || self.groups.contains_key(&pid)
                || self.is_session(pid);
            if !in_use {
                return Ok(pid);
            }
        }
        Err(Errno::EAGAIN)
    }

    fn is_session(&mut self, id: Pid) -> bool {
        let is_live = self.sessions.get(&id).is_some_and(|session| session.strong_count() > 0);
        if !is_live {
            self.sessions.remove(&id);
        }
        is_live
    }

    fn start_session(&mut self, id: Pid) -> Arc<Session> {
        let session = Session::new(id);
        self.sessions.insert(id, Arc::downgrade(&session));
        session
    }

    fn node(&self, pid: Pid) -> Result<&Node> {
        self.nodes.get(&pid).ok_or(Errno::ESRCH)
    }

    fn set_group(&mut self, pid: Pid, group: Pid) {
        let Some(node) = self.nodes.get_mut(&pid) else { return };
        let old = core::mem::replace(&mut node.group, group);
        if let Some(members) = self.groups.get_mut(&old) {
            members.remove(&pid);
            if members.is_empty() {
                self.groups.remove(&old);
            }
        }
        self.groups.entry(group).or_default().insert(pid);
    }

    /// Whether no member of the group has a parent in another group of the same session:
    /// then nobody does job control for it.
    fn is_orphaned(&self, group: Pid, leaving: Option<Pid>) -> bool {
        let members = self.groups.get(&group).into_iter().flatten();
        let has_controller = |pid: &Pid| {
            let Some(node) = self.nodes.get(pid) else { return false };
            let Some(parent) = self.nodes.get(&node.parent) else { return false };
            Some(*pid) != leaving
                && Some(node.parent) != leaving
                && node.zombie.is_none()
                && parent.group != group
                && parent.session.id() == node.session.id()
                && parent.process.pid() != 1
        };
        !members.into_iter().any(has_controller)
    }

    fn members(&self, group: Pid) -> Vec<Arc<Process>> {
        let pids = self.groups.get(&group).into_iter().flatten();
        let live = |pid: &Pid| self.nodes.get(pid).filter(|node| node.zombie.is_none());
        pids.filter_map(live).map(|node| node.process.clone()).collect()
    }
}

/// A free pid; it stays free until [`add_process`] or [`add_thread`] uses it.
///
/// # Errors
/// `EAGAIN` if all are in use.
pub fn allocate_pid() -> Result<Pid> {
    TREE.lock().free_pid()
}

/// Enters a new process as a child of `parent`, in its group and session.
pub fn add_process(process: &Arc<Process>, parent: Pid) {
    let mut tree = TREE.lock();
    let pid = process.pid();
    let (group, session) = match tree.nodes.get_mut(&parent) {
        Some(node) => {
            node.children.insert(pid);
            (node.group, node.session.clone())
        }
        None => (pid, tree.start_session(pid)),
    };
    let process = process.clone();
    let children = BTreeSet::new();
    tree.nodes.insert(pid, Node { process, parent, children, group, session, zombie: None });
    tree.groups.entry(group).or_default().insert(pid);
}

/// Enters a new thread, so that it can be found by its id.
pub fn add_thread(thread: &Arc<Thread>) {
    TREE.lock().threads.insert(thread.tid(), thread.clone());
}

/// Takes a thread out that leaves.
pub fn remove_thread(tid: Pid) {
    let removed = TREE.lock().threads.remove(&tid);
    drop(removed);
}

/// The thread with this id.
#[must_use]
pub fn thread(tid: Pid) -> Option<Arc<Thread>> {
    TREE.lock().threads.get(&tid).cloned()
}

/// The process with this pid, zombies included.
#[must_use]
pub fn process(pid: Pid) -> Option<Arc<Process>> {
    TREE.lock().nodes.get(&pid).map(|node| node.process.clone())
}

/// The process with this pid, or that has a thread with this id.
#[must_use]
pub fn process_of_thread(id: Pid) -> Option<Arc<Process>> {
    let tree = TREE.lock();
    let by_thread = || tree.threads.get(&id).map(|thread| thread.process().clone());
    tree.nodes.get(&id).map(|node| node.process.clone()).or_else(by_thread)
}

/// All processes that have not ended.
#[must_use]
pub fn all_processes() -> Vec<Arc<Process>> {
    let tree = TREE.lock();
    let live = tree.nodes.values().filter(|node| node.zombie.is_none());
    live.map(|node| node.process.clone()).collect()
}

/// The pids of all processes, zombies included, in order.
#[must_use]
pub fn pids() -> Vec<Pid> {
    TREE.lock().nodes.keys().copied().collect()
}

/// How many threads there are.
#[must_use]
pub fn thread_count() -> usize {
    TREE.lock().threads.len()
}

/// How many processes a user has.
#[must_use]
pub fn count_of_user(uid: u32) -> usize {
    let owned = |thread: &&Arc<Thread>| thread.credentials().uid.real == uid;
    // The locks of credentials nest inside the tree's.
    TREE.lock().threads.values().filter(owned).count()
}

/// The parent's pid; zero for process 1.
#[must_use]
pub fn parent_of(pid: Pid) -> Option<Pid> {
    TREE.lock().nodes.get(&pid).map(|node| node.parent)
}

/// The process group.
#[must_use]
pub fn group_of(pid: Pid) -> Option<Pid> {
    TREE.lock().nodes.get(&pid).map(|node| node.group)
}

/// The session's id.
#[must_use]
pub fn session_of(pid: Pid) -> Option<Pid> {
    TREE.lock().nodes.get(&pid).map(|node| node.session.id())
}

/// The session, which has the controlling terminal.
#[must_use]
pub fn session(pid: Pid) -> Option<Arc<Session>> {
    TREE.lock().nodes.get(&pid).map(|node| node.session.clone())
}

/// How a process ended that waits to be waited for.
#[must_use]
pub fn exit_status(pid: Pid) -> Option<ExitStatus> {
    TREE.lock().nodes.get(&pid)?.zombie
}

/// The processes of a group that have not ended.
#[must_use]
pub fn group_members(group: Pid) -> Vec<Arc<Process>> {
    TREE.lock().members(group)
}

/// Whether a group of this id exists in the session.
#[must_use]
pub fn is_group_of_session(group: Pid, session: Pid) -> bool {
    let tree = TREE.lock();
    let mut members = tree.groups.get(&group).into_iter().flatten();
    members.any(|pid| tree.nodes.get(pid).is_some_and(|node| node.session.id() == session))
}

/// Whether nobody does job control for the group of `process`.
#[must_use]
pub fn is_orphaned_group(process: &Process) -> bool {
    let tree = TREE.lock();
    tree.nodes.get(&process.pid()).is_none_or(|node| tree.is_orphaned(node.group, None))
}

/// setsid(2): a session and a group of its own.
///
/// # Errors
/// `EPERM` if the process leads a group.
pub fn start_session(pid: Pid) -> Result<Pid> {
    let mut tree = TREE.lock();
    if tree.groups.contains_key(&pid) {
        return Err(Errno::EPERM);
    }
    tree.set_group(pid, pid);
    let session = tree.start_session(pid);
    let node = tree.nodes.get_mut(&pid).ok_or(Errno::ESRCH)?;
    let previous = core::mem::replace(&mut node.session, session);
    drop(tree);
    drop(previous);
    Ok(pid)
}

/// setpgid(2), on behalf of process `caller`.
///
/// # Errors
/// Those of setpgid(2).
pub fn change_group(caller: Pid, pid: Pid, group: Pid) -> Result<()> {
    let mut tree = TREE.lock();
    let node = tree.node(pid)?;
    let session = tree.node(caller)?.session.id();
    if pid != caller {
        if node.parent != caller {
            return Err(Errno::ESRCH);
        }
        if node.session.id() != session {
            return Err(Errno::EPERM);
        }
        if node.process.has_execed() {
            return Err(Errno::EACCES);
        }
    }
    if node.session.id() == pid {
        return Err(Errno::EPERM);
    }
    if group != pid {
        let mut members = tree.groups.get(&group).into_iter().flatten();
        let in_session =
            |pid: &Pid| tree.nodes.get(pid).is_some_and(|node| node.session.id() == session);
        if !members.any(in_session) {
            return Err(Errno::EPERM);
        }
    }
    tree.set_group(pid, group);
    Ok(())
}

/// A child as wait(2) looks at it.
pub struct Child {
    /// The process.
    pub process: Arc<Process>,
    /// Its group.
    pub group: Pid,
    /// How it ended, if it has.
    pub status: Option<ExitStatus>,
}

/// The children of a process, or the one with pid `only` if it is one.
#[must_use]
pub fn children(pid: Pid, only: Option<Pid>) -> Vec<Child> {
    let tree = TREE.lock();
    let Some(node) = tree.nodes.get(&pid) else { return Vec::new() };
    let child = |pid: &Pid| {
        let node = tree.nodes.get(pid)?;
        Some(Child { process: node.process.clone(), group: node.group, status: node.zombie })
    };
    match only {
        Some(only) => node.children.get(&only).and_then(child).into_iter().collect(),
        None => node.children.iter().filter_map(child).collect(),
    }
}
