//! What the end of a process means for its relatives: a zombie for the parent, process 1
//! as the children's new parent, a hang-up for job control groups left alone.

use alloc::collections::BTreeSet;

use super::{TREE, Tree};
use crate::prelude::*;
use crate::process::{ExitStatus, Pid, Process};
use crate::signal::{Code, SigInfo, Signal, send_to_process};

/// What the end of a process has to tell others, once the tree is unlocked.
struct Aftermath {
    parent: Option<Arc<Process>>,
    /// Children that got a new parent, which may have to hear of zombies among them.
    orphans: Vec<Arc<Process>>,
    init: Option<Arc<Process>>,
    /// Members of groups that lost their last controller and have a stopped member.
    stranded: Vec<Arc<Process>>,
}

/// Turns a process into a zombie, gives its children to process 1 and tells everyone.
pub fn bury(process: &Arc<Process>, status: ExitStatus) {
    let pid = process.pid();
    let aftermath = {
        let mut tree = TREE.lock();
        let stranded = stranded_groups(&tree, pid);
        let children = tree.nodes.get_mut(&pid).map(|node| core::mem::take(&mut node.children));
        let mut orphans = Vec::new();
        for child in children.into_iter().flatten() {
            if let Some(node) = tree.nodes.get_mut(&child) {
                node.parent = 1;
                orphans.push(node.process.clone());
            }
            if let Some(init) = tree.nodes.get_mut(&1) {
                init.children.insert(child);
            }
        }
        let node = tree.nodes.get_mut(&pid);
        let parent_pid = node.map_or(0, |node| {
            node.zombie = Some(status);
            node.parent
        });
        let parent = tree.nodes.get(&parent_pid).map(|node| node.process.clone());
        let init = tree.nodes.get(&1).map(|node| node.process.clone());
        let stranded = stranded.into_iter().flat_map(|group| tree.members(group)).collect();
        Aftermath { parent, orphans, init, stranded }
    };
    for member in &aftermath.stranded {
        send_to_process(member, SigInfo::kernel(Signal::HUP));
        send_to_process(member, SigInfo::kernel(Signal::CONT));
    }
    for orphan in &aftermath.orphans {
        if let Some(signal) = orphan.parent_death_signal() {
            send_to_process(orphan, SigInfo::kernel(signal));
        }
    }
    if !aftermath.orphans.is_empty()
        && let Some(init) = &aftermath.init
    {
        init.children_changed.wake_all();
    }
    if let Some(parent) = &aftermath.parent {
        tell_parent_of_end(process, parent, status);
    }
}

/// The groups that lose their last controller when `pid` ends, and have a stopped member.
fn stranded_groups(tree: &Tree, pid: Pid) -> BTreeSet<Pid> {
    let Some(node) = tree.nodes.get(&pid) else { return BTreeSet::new() };
    let children = node.children.iter().filter_map(|child| tree.nodes.get(child));
    let groups: BTreeSet<Pid> = children.map(|child| child.group).chain([node.group]).collect();
    let is_stranded = |group: &Pid| {
        !tree.is_orphaned(*group, None)
            && tree.is_orphaned(*group, Some(pid))
            && tree.members(*group).iter().any(|member| member.is_stopped())
    };
    groups.into_iter().filter(is_stranded).collect()
}

/// Tells the parent that its child ended: a signal, and whoever waits.
fn tell_parent_of_end(process: &Arc<Process>, parent: &Arc<Process>, status: ExitStatus) {
    let code = match status {
        ExitStatus::Exited(_) => Code::CHILD_EXITED,
        ExitStatus::Killed(_) => Code::CHILD_KILLED,
    };
    let signal = process.exit_signal();
    let reaps = parent.signals.lock().actions.reaps_children();
    if let Some(signal) = signal {
        // With SA_NOCLDWAIT the signal is still sent, if there is a handler for it.
        send_to_process(parent, child_info(process, signal, code, status.to_info()));
    }
    if reaps && signal == Some(Signal::CHLD) {
        drop(reap(process.pid()));
    }
    parent.children_changed.wake_all();
}

fn child_info(process: &Process, signal: Signal, code: Code, status: i32) -> SigInfo {
    let uid = process.credentials().map_or(0, |own| own.uid.real);
    SigInfo::child(signal, code, process.pid(), uid, status, process.times().to_ticks())
}

/// Tells the parent that its child stopped or continued.
pub fn tell_parent_of_change(process: &Arc<Process>, code: Code, by: Signal) {
    let parent = {
        let tree = TREE.lock();
        let parent = tree.nodes.get(&process.pid()).map(|node| node.parent);
        parent.and_then(|pid| tree.nodes.get(&pid)).map(|node| node.process.clone())
    };
    let Some(parent) = parent else { return };
    let wants = {
        let signals = parent.signals.lock();
        !signals.actions.get(Signal::CHLD).has(linux_raw_sys::general::SA_NOCLDSTOP)
    };
    if wants {
        let info = child_info(process, Signal::CHLD, code, by.number() as i32);
        send_to_process(&parent, info);
    }
    parent.children_changed.wake_all();
}

/// Removes a zombie; its pid is free again.
pub fn reap(pid: Pid) -> Option<Arc<Process>> {
    let mut tree = TREE.lock();
    tree.nodes.get(&pid)?.zombie?;
    let node = tree.nodes.remove(&pid)?;
    if let Some(members) = tree.groups.get_mut(&node.group) {
        members.remove(&pid);
        if members.is_empty() {
            tree.groups.remove(&node.group);
        }
    }
    if let Some(parent) = tree.nodes.get_mut(&node.parent) {
        parent.children.remove(&pid);
    }
    drop(tree);
    Some(node.process)
}
