//! Making threads and processes: clone(2), fork(2), vfork(2).

use linux_raw_sys::general as uapi;
use ostd::arch::cpu::context::{FsBase, UserContext};
use ostd::irq::disable_local;

use super::{
    Pid, Process, Release, Resource, Resources, SavedRegisters, Thread, run, tree,
    with_new_namespaces,
};
use crate::mm::{USER_END, frames, user};
use crate::prelude::*;
use crate::process::Capability;
use crate::sched;
use crate::signal::{ProcessSignals, Signal, Stop, ThreadSignals};

/// No user can make more threads than this in all (kernel.threads-max): each has a
/// kernel stack.
const MAX_THREADS: usize = 4000;

/// What clone(2) is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct CloneArgs {
    pub(super) flags: u32,
    /// The child's stack pointer; zero for the parent's.
    pub(super) stack: usize,
    pub(super) parent_tid: usize,
    pub(super) child_tid: usize,
    pub(super) tls: usize,
}

impl CloneArgs {
    fn has(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }

    /// The combinations that make no sense (clone(2), EINVAL).
    fn check(&self) -> Result<()> {
        let needs = |flag, needed| self.has(flag) && !self.has(needed);
        let excludes = |flag, other| self.has(flag) && self.has(other);
        let bad = needs(uapi::CLONE_THREAD, uapi::CLONE_SIGHAND)
            || needs(uapi::CLONE_SIGHAND, uapi::CLONE_VM)
            || excludes(uapi::CLONE_NEWNS, uapi::CLONE_FS)
            || excludes(uapi::CLONE_NEWUSER, uapi::CLONE_FS)
            || (self.has(uapi::CLONE_THREAD) && self.has(uapi::CLONE_NEWPID | uapi::CLONE_NEWUSER));
        // Sharing signal handlers without being one process is what LinuxThreads did
        // before 2003; a file descriptor for the child is what this kernel lacks.
        let absent = (self.has(uapi::CLONE_SIGHAND) && !self.has(uapi::CLONE_THREAD))
            || self.has(uapi::CLONE_PIDFD | uapi::CLONE_PARENT);
        if bad || absent || (self.has(uapi::CLONE_SETTLS) && self.tls >= USER_END) {
            return Err(Errno::EINVAL);
        }
        Ok(())
    }

    fn exit_signal(&self) -> Result<Option<Signal>> {
        match self.flags & uapi::CSIGNAL {
            0 => Ok(None),
            number => Signal::from_number(number as usize).map(Some).ok_or(Errno::EINVAL),
        }
    }
}

/// `EAGAIN` or `ENOMEM` if `parent`'s user may not have another thread.
fn admit(parent: &Thread) -> Result<()> {
    let own = parent.credentials();
    let limit = parent.process().limits.lock().get(Resource::Processes).soft;
    let privileged = own.has(Capability::SysResource) || own.has(Capability::SysAdmin);
    if tree::thread_count() >= MAX_THREADS
        || (!privileged && tree::count_of_user(own.uid.real) as u64 >= limit)
    {
        return Err(Errno::EAGAIN);
    }
    frames::admit_thread()
}

/// Makes a thread or process that goes on where `parent`'s registers say; gives its id.
///
/// # Errors
/// Those of clone(2).
pub(super) fn clone(parent: &Arc<Thread>, args: CloneArgs, context: &UserContext) -> Result<Pid> {
    args.check()?;
    let exit_signal = args.exit_signal()?;
    admit(parent)?;
    let resources = clone_resources(parent, &args)?;
    let tid = tree::allocate_pid()?;
    let is_thread = args.has(uapi::CLONE_THREAD);
    let process = if is_thread {
        parent.process().clone()
    } else {
        clone_process(parent, &args, tid, exit_signal)?
    };
    let child = Thread::new(
        tid,
        process.clone(),
        parent.raw_name(),
        parent.credentials(),
        resources,
        registers(&args),
        thread_signals(parent, is_thread || args.has(uapi::CLONE_VM)),
    );
    if args.has(uapi::CLONE_CHILD_CLEARTID) {
        child.clear_child_tid.store(args.child_tid, core::sync::atomic::Ordering::Relaxed);
    }
    let release = args.has(uapi::CLONE_VFORK).then(Arc::<Release>::default);
    child.set_release(release.clone());
    let task = {
        let (thread, context) = (child.clone(), child_context(context, &args));
        let child_tid = args.has(uapi::CLONE_CHILD_SETTID).then_some(args.child_tid);
        sched::spawn_user(child.clone(), move || {
            if let Some(addr) = child_tid {
                // schedule_tail() ignores a bad address, too.
                let _: Result<()> = user::write_val(addr, &thread.tid());
            }
            run::run(&thread, context);
        })?
    };
    child.set_task(&task);
    child.set_nice(parent.nice());
    enter(parent, &child, is_thread)?;
    if args.has(uapi::CLONE_PARENT_SETTID) {
        // Too late to fail: the child exists. Linux ignores a bad address as well.
        let _: Result<()> = user::write_val(args.parent_tid, &tid);
    }
    task.run();
    if let Some(release) = release {
        release.wait();
    }
    Ok(tid)
}

/// Makes the child known, unless its process is ending.
fn enter(parent: &Arc<Thread>, child: &Arc<Thread>, is_thread: bool) -> Result<()> {
    let process = child.process();
    let _forming = process.forming.lock();
    // execve is about to end all threads but one, or has picked this one to end.
    if is_thread && parent.is_killed() {
        return Err(Errno::EINTR);
    }
    process.add_thread(child.clone())?;
    if !is_thread {
        tree::add_process(process, parent.process().pid());
    }
    tree::add_thread(child);
    Ok(())
}

fn clone_resources(parent: &Arc<Thread>, args: &CloneArgs) -> Result<Resources> {
    let mut resources = parent.resources()?;
    if !args.has(uapi::CLONE_FILES) {
        resources.files = resources.files.fork();
    }
    if !args.has(uapi::CLONE_FS) {
        resources.fs = resources.fs.fork();
    }
    with_new_namespaces(parent, resources, args.flags as usize)
}

fn clone_process(
    parent: &Arc<Thread>,
    args: &CloneArgs,
    pid: Pid,
    exit_signal: Option<Signal>,
) -> Result<Arc<Process>> {
    let own = parent.process();
    let space = own.space().ok_or(Errno::ESRCH)?;
    let space = if args.has(uapi::CLONE_VM) { space } else { space.fork()? };
    let actions = own.signals.lock().actions.clone();
    let signals = ProcessSignals { actions, stop: Stop::Running, ..ProcessSignals::default() };
    let limits = *own.limits.lock();
    Ok(Process::new(pid, space, limits, signals, exit_signal, own.executable()))
}

/// The child's signal state: the parent's mask, and its alternate stack if it has memory
/// of its own.
fn thread_signals(parent: &Thread, shares_memory: bool) -> ThreadSignals {
    let own = parent.signals.lock();
    let alt_stack = if shares_memory { Default::default() } else { own.alt_stack };
    ThreadSignals { mask: own.mask, alt_stack, ..ThreadSignals::default() }
}

/// The parent's floating point state and segment bases, as they are now.
fn registers(args: &CloneArgs) -> SavedRegisters {
    let mut registers = SavedRegisters::default();
    registers.save(&disable_local());
    if args.has(uapi::CLONE_SETTLS) {
        registers.fs_base = FsBase::new(args.tls);
    }
    registers
}

fn child_context(parent: &UserContext, args: &CloneArgs) -> UserContext {
    let mut context = parent.clone();
    context.set_rax(0);
    if args.stack != 0 {
        context.set_rsp(args.stack);
    }
    context
}
