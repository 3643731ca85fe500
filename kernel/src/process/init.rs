//! Process 1.

use ostd::arch::cpu::context::UserContext;
use ostd::boot::boot_info;
use warren_kernel_core::cmdline::Cmdline;

use super::exec::{self, Arguments, Strings};
use super::{
    Credentials, Limits, NsProxy, Process, Resources, SavedRegisters, Thread, cut_name, run, tree,
};
use crate::fs;
use crate::mm::{AddressSpace, frames};
use crate::prelude::*;
use crate::sched;

/// What Linux tries if no `init=` is given; the first is an initramfs's.
const CANDIDATES: [&str; 5] = ["/init", "/sbin/init", "/etc/init", "/bin/init", "/bin/sh"];
/// What the first process finds in its environment, besides the kernel command line's.
const ENVIRONMENT: [&str; 2] = ["HOME=/", "TERM=linux"];

/// Starts process 1. Its standard files are the console, if there is one.
///
/// # Errors
/// If there is no memory for it.
pub(crate) fn start_init(cmdline: &Cmdline) -> Result<()> {
    frames::init();
    let pid = tree::allocate_pid()?;
    let context = fs::init(boot_info().initramfs)?;
    let files = fs::FdTable::new();
    let ns = Arc::new(NsProxy::initial()?);
    let resources = Resources { files, fs: context, ns };
    let space = AddressSpace::new();
    let no_program: Arc<[u8]> = Arc::from(&b""[..]);
    let process = Process::new(pid, space, Limits::default(), Default::default(), None, no_program);
    let thread = Thread::new(
        pid,
        process.clone(),
        cut_name(b"init"),
        Arc::new(Credentials::root()),
        resources,
        SavedRegisters::default(),
        Default::default(),
    );
    process.add_thread(thread.clone())?;
    tree::add_process(&process, 0);
    tree::add_thread(&thread);
    let cmdline = cmdline.clone();
    let task = {
        let thread = thread.clone();
        sched::spawn_user(thread.clone(), move || {
            // Without a console process 1 starts without files, as on Linux.
            if let Err(error) = fs::open_console(&thread) {
                log::warn!("no console for process 1: {error}");
            }
            let context = load(&thread, &cmdline);
            run::run(&thread, context);
        })?
    };
    thread.set_task(&task);
    task.run();
    Ok(())
}

/// Loads the program of process 1, in its own task.
fn load(thread: &Arc<Thread>, cmdline: &Cmdline) -> UserContext {
    let mut context = UserContext::default();
    let given = cmdline.init.as_deref();
    let names: Vec<&str> = match given {
        Some(name) => alloc::vec![name],
        None => CANDIDATES.to_vec(),
    };
    for name in names {
        match execute(thread, name, cmdline, &mut context) {
            Ok(()) => return context,
            Err(error) => log::warn!("cannot run {name}: {error}"),
        }
    }
    panic!("no init found: give one with init=");
}

fn execute(
    thread: &Arc<Thread>,
    name: &str,
    cmdline: &Cmdline,
    context: &mut UserContext,
) -> Result<()> {
    let (mut args, mut env) = (Strings::default(), Strings::default());
    args.push(name.as_bytes());
    cmdline.init_args.iter().for_each(|arg| args.push(arg.as_bytes()));
    ENVIRONMENT.iter().for_each(|setting| env.push(setting.as_bytes()));
    cmdline.init_env.iter().for_each(|setting| env.push(setting.as_bytes()));
    let file =
        fs::open::open_exec(thread, linux_raw_sys::general::AT_FDCWD, name.as_bytes(), true)?;
    exec::execute(thread, file, name.as_bytes(), Arguments::new(args, env), context)
}
