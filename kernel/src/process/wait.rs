//! Waiting for children: wait4(2) and waitid(2).

use bitflags::bitflags;

use super::{ExitStatus, Pid, Process, Thread, Times, tree};
use crate::prelude::*;
use crate::signal::{Code, Signal};

/// Which children are waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    Any,
    Process(Pid),
    Group(Pid),
}

bitflags! {
    /// `W*` of wait(2): what to report, and how.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct WaitOptions: u32 {
        const NOHANG = 1;
        const STOPPED = 2;
        const EXITED = 4;
        const CONTINUED = 8;
        const NOWAIT = 0x0100_0000;
        /// Only children of the calling thread; here every thread may wait for all.
        const NOTHREAD = 0x2000_0000;
        /// Children of any kind.
        const ALL = 0x4000_0000;
        /// Only children that do not signal with SIGCHLD.
        const CLONE = 0x8000_0000;
    }
}

/// What became of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Ended(ExitStatus),
    Stopped(Signal),
    Continued,
}

impl Change {
    /// As wait(2) encodes it.
    pub(super) fn to_wait(self) -> i32 {
        match self {
            Self::Ended(status) => status.to_wait(),
            Self::Stopped(signal) => (signal.number() as i32) << 8 | 0x7f,
            Self::Continued => 0xffff,
        }
    }

    /// `si_code` and `si_status`.
    pub(super) fn to_info(self) -> (Code, i32) {
        match self {
            Self::Ended(status @ ExitStatus::Exited(_)) => (Code::CHILD_EXITED, status.to_info()),
            Self::Ended(status @ ExitStatus::Killed(_)) => (Code::CHILD_KILLED, status.to_info()),
            Self::Stopped(signal) => (Code::CHILD_STOPPED, signal.number() as i32),
            Self::Continued => (Code::CHILD_CONTINUED, Signal::CONT.number() as i32),
        }
    }
}

/// News of a child.
pub(super) struct News {
    pub(super) pid: Pid,
    pub(super) uid: u32,
    pub(super) change: Change,
    pub(super) times: Times,
}

/// Waits for news of a child. `None` if there is none and `NOHANG` is set.
///
/// # Errors
/// `ECHILD` if there is no such child, `EINTR`.
pub(super) fn wait(
    thread: &Arc<Thread>,
    which: Which,
    options: WaitOptions,
) -> Result<Option<News>> {
    let process = thread.process();
    process.children_changed.wait_until(None, || match look(process, which, options) {
        Ok(Some(news)) => Some(Ok(Some(news))),
        Ok(None) if options.contains(WaitOptions::NOHANG) => Some(Ok(None)),
        Ok(None) => None,
        Err(error) => Some(Err(error)),
    })?
}

/// Looks once at the children.
fn look(process: &Process, which: Which, options: WaitOptions) -> Result<Option<News>> {
    let matches = |child: &tree::Child| {
        let chosen = match which {
            Which::Any => true,
            Which::Process(pid) => child.process.pid() == pid,
            Which::Group(group) => child.group == group,
        };
        let is_clone = child.process.exit_signal() != Some(Signal::CHLD);
        chosen
            && (options.contains(WaitOptions::ALL)
                || is_clone == options.contains(WaitOptions::CLONE))
    };
    let only = match which {
        Which::Process(pid) => Some(pid),
        Which::Any | Which::Group(_) => None,
    };
    let mut children = tree::children(process.pid(), only);
    children.retain(matches);
    if children.is_empty() {
        return Err(Errno::ECHILD);
    }
    Ok(children.iter().find_map(|child| news_of(process, child, options)))
}

fn news_of(parent: &Process, child: &tree::Child, options: WaitOptions) -> Option<News> {
    let process = &child.process;
    let keep = options.contains(WaitOptions::NOWAIT);
    let change = match child.status {
        Some(status) if options.contains(WaitOptions::EXITED) => Change::Ended(status),
        Some(_) => return None,
        None => {
            let mut signals = process.signals.lock();
            let stopped = signals.untold_stop.filter(|_| options.contains(WaitOptions::STOPPED));
            if let Some(signal) = stopped {
                if !keep {
                    signals.untold_stop = None;
                }
                Change::Stopped(signal)
            } else if signals.untold_continue && options.contains(WaitOptions::CONTINUED) {
                signals.untold_continue = keep;
                Change::Continued
            } else {
                return None;
            }
        }
    };
    let times = process.times() + process.children_times();
    if matches!(change, Change::Ended(_)) && !keep {
        // Another thread may have been faster: then there is no news any more.
        tree::reap(process.pid())?;
        parent.add_children_times(times);
    }
    let uid = process.credentials().map_or(0, |own| own.uid.real);
    Some(News { pid: process.pid(), uid, change, times })
}
