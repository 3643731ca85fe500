//! The life of a user thread: into user code, out for a system call, a fault or a
//! signal, and back, until it leaves.

use ostd::arch::cpu::context::{CpuException, UserContext};
use ostd::irq::DisabledLocalIrqGuard;
use ostd::user::{ReturnReason, UserMode, UserModeHooks};

use super::{Thread, exit};
use crate::mm::{Access, Fault};
use crate::prelude::*;
use crate::signal::{self, Code, Interrupted, Outcome, SigInfo, Signal};
use crate::syscall;
use crate::time::now;

/// Brings user code back to the kernel when a signal waits.
struct SignalHook<'a>(&'a Thread);

impl UserModeHooks for SignalHook<'_> {
    fn has_kernel_event(&self) -> bool {
        self.0.has_signal()
    }

    fn pre_user_run(&self, _guard: &DisabledLocalIrqGuard) {}
}

/// Runs a thread from `context` on until it leaves.
pub(super) fn run(thread: &Arc<Thread>, context: UserContext) {
    let mut user = UserMode::new(context);
    loop {
        if thread.has_signal() && signal::deliver(thread, user.context_mut(), None) == Outcome::Exit
        {
            break;
        }
        let (entered, off_before) = (now(), thread.off_processor());
        let reason = user.execute(&SignalHook(thread));
        thread.charge_user(entered, now(), off_before);
        let interrupted = match reason {
            ReturnReason::UserSyscall => perform(thread, user.context_mut()),
            ReturnReason::UserException => {
                on_exception(thread, user.context_mut());
                None
            }
            ReturnReason::KernelEvent => None,
        };
        if let Some(call) = interrupted {
            match signal::deliver(thread, user.context_mut(), Some(call)) {
                Outcome::Exit => break,
                Outcome::Resume(true) => {}
                Outcome::Resume(false) => thread.forget_deadline(),
            }
        }
    }
    exit::leave(thread);
}

/// Performs a system call; if a signal interrupted it, the result is not settled yet.
fn perform(thread: &Arc<Thread>, context: &mut UserContext) -> Option<Interrupted> {
    let number = context.rax();
    match syscall::dispatch(thread, context) {
        Ok(value) => context.set_rax(value),
        Err(Errno::EINTR) => {
            return Some(Interrupted { number, restart: syscall::restart_of(number) });
        }
        Err(error) => context.set_rax((-error.get()) as usize),
    }
    thread.forget_deadline();
    None
}

/// Turns an exception of user code into a page or a signal.
fn on_exception(thread: &Arc<Thread>, context: &mut UserContext) {
    let Some(exception) = context.take_exception() else { return };
    let rip = context.rip();
    let info = match exception {
        CpuException::PageFault(fault) => {
            let Some(space) = thread.process().space() else { return };
            match space.handle_fault(fault.addr, Access::from(&fault)) {
                Ok(()) => return,
                Err(Fault::Unmapped) => {
                    SigInfo::fault(Signal::SEGV, Code::SEGV_UNMAPPED, fault.addr)
                }
                Err(Fault::Forbidden) => {
                    SigInfo::fault(Signal::SEGV, Code::SEGV_FORBIDDEN, fault.addr)
                }
                Err(Fault::PastEnd) => SigInfo::fault(Signal::BUS, Code::BUS_NO_PAGE, fault.addr),
                Err(Fault::OutOfMemory) => {
                    let status = super::ExitStatus::Killed(Signal::KILL);
                    signal::kill_process(thread.process(), status);
                    return;
                }
            }
        }
        CpuException::DivisionError => SigInfo::fault(Signal::FPE, Code::FPE_DIVIDE, rip),
        CpuException::X87FloatingPointException | CpuException::SIMDFloatingPointException => {
            SigInfo::fault(Signal::FPE, Code::FPE_OTHER, rip)
        }
        CpuException::InvalidOpcode => SigInfo::fault(Signal::ILL, Code::ILL_OPCODE, rip),
        CpuException::BreakPoint | CpuException::Debug => {
            SigInfo::fault(Signal::TRAP, Code::TRAP_BREAKPOINT, rip)
        }
        CpuException::AlignmentCheck => SigInfo::fault(Signal::BUS, Code::BUS_ALIGNMENT, rip),
        _ => SigInfo::kernel(Signal::SEGV),
    };
    signal::force(thread, info);
}
