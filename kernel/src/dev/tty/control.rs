//! The ioctls of terminals (ioctl_tty(2)).

use warren_kernel_core::ldisc::{ABI_LEN, Termios};

use super::{Tty, jobs};
use crate::fs::Events;
use crate::mm::user;
use crate::prelude::*;
use crate::process::{Capability, Pid, current};
use crate::signal::Signal;

// include/uapi/asm-generic/ioctls.h
const TCGETS: u32 = 0x5401;
const TCSETS: u32 = 0x5402;
const TCSETSW: u32 = 0x5403;
const TCSETSF: u32 = 0x5404;
const TCSBRK: u32 = 0x5409;
const TCXONC: u32 = 0x540a;
const TCFLSH: u32 = 0x540b;
const TIOCEXCL: u32 = 0x540c;
const TIOCNXCL: u32 = 0x540d;
const TIOCSCTTY: u32 = 0x540e;
const TIOCGPGRP: u32 = 0x540f;
const TIOCSPGRP: u32 = 0x5410;
const TIOCOUTQ: u32 = 0x5411;
const TIOCSTI: u32 = 0x5412;
const TIOCGWINSZ: u32 = 0x5413;
const TIOCSWINSZ: u32 = 0x5414;
const FIONREAD: u32 = 0x541b;
const TIOCNOTTY: u32 = 0x5422;
const TCSBRKP: u32 = 0x5425;
const TIOCGSID: u32 = 0x5429;

/// Performs an ioctl on a terminal.
///
/// # Errors
/// As ioctl_tty(2).
pub(super) fn ioctl(tty: &Arc<Tty>, request: u32, arg: usize) -> Result<usize> {
    match request {
        TCGETS => {
            let termios = tty.line.lock().termios().to_abi();
            user::write_bytes(arg, &termios)?;
        }
        TCSETS | TCSETSW | TCSETSF => {
            let mut bytes = [0; ABI_LEN];
            user::read_bytes(arg, &mut bytes)?;
            tty.jobs.check_change(tty)?;
            let mut line = tty.line.lock();
            if request == TCSETSF {
                line.flush_input();
            }
            line.set_termios(Termios::from_abi(&bytes));
            drop(line);
            // A changed mode can make bytes readable, or let output go on.
            tty.pollee.notify(Events::READABLE | Events::WRITABLE);
        }
        // Output is on the wire when a write returns, and a break has no meaning on it.
        TCSBRK | TCSBRKP => tty.jobs.check_change(tty)?,
        TCXONC => flow(tty, arg)?,
        TCFLSH => {
            tty.jobs.check_change(tty)?;
            match arg {
                0 | 2 => tty.line.lock().flush_input(),
                1 => {}
                _ => return Err(Errno::EINVAL),
            }
        }
        TIOCSCTTY => jobs::take(tty, arg == 1)?,
        TIOCNOTTY => jobs::give_up(tty)?,
        TIOCGPGRP => {
            tty.jobs.check_controls_caller(tty)?;
            user::write_val::<Pid>(arg, &tty.jobs.foreground().unwrap_or(0))?;
        }
        TIOCSPGRP => tty.jobs.set_foreground(tty, user::read_val::<Pid>(arg)?)?,
        TIOCGSID => {
            let session = tty.jobs.check_controls_caller(tty)?;
            user::write_val::<Pid>(arg, &session)?;
        }
        TIOCGWINSZ => {
            let window = *tty.window.lock();
            user::write_val(arg, &window)?;
        }
        TIOCSWINSZ => set_window(tty, user::read_val(arg)?),
        FIONREAD => {
            let count = tty.line.lock().readable_bytes() as i32;
            user::write_val(arg, &count)?;
        }
        TIOCOUTQ => user::write_val(arg, &0i32)?,
        TIOCSTI => {
            // Typing for others: only for the privileged, as dev.tty.legacy_tiocsti = 0.
            current().credentials().require(Capability::SysAdmin)?;
            tty.receive(&[user::read_val::<u8>(arg)?]);
        }
        TIOCEXCL | TIOCNXCL => return Err(Errno::EINVAL),
        _ => return Err(Errno::ENOTTY),
    }
    Ok(0)
}

/// tcflow(3).
fn flow(tty: &Tty, action: usize) -> Result<()> {
    tty.jobs.check_change(tty)?;
    match action {
        0 => tty.line.lock().set_stopped(true),
        1 => {
            tty.line.lock().set_stopped(false);
            tty.pollee.notify(Events::WRITABLE);
        }
        // Asking the other end to stop or go on: it has no flow control of its own.
        2 | 3 => {}
        _ => return Err(Errno::EINVAL),
    }
    Ok(())
}

/// Changes the size of the window and tells the foreground if it did change.
pub(super) fn set_window(tty: &Tty, window: [u16; 4]) {
    let previous = core::mem::replace(&mut *tty.window.lock(), window);
    if previous != window {
        tty.jobs.signal_foreground(Signal::WINCH);
    }
}
