//! `cargo xtask run`: an interactive shell, or commands whose output and status come back.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use crate::cli::RunOptions;
use crate::clock::Deadline;
use crate::failure::{Attempt, Failure, GUEST_FAILED, Outcome, TIMED_OUT};
use crate::guest::{Boot, Ending, Event, Plan, Session};
use crate::layout::Layout;
use crate::progress;
use crate::terminal::TerminalGuard;

/// Boots the guest and does what was asked.
pub(crate) fn run(layout: &Layout, options: &RunOptions) -> Outcome<ExitCode> {
    let boot = Boot::prepare(layout, options.guest, options.machine)?;
    progress::step("Booting", format_args!("{} in QEMU", options.guest));
    match &options.commands {
        None => interactive(&boot),
        Some(commands) => {
            let mut session = boot.start(&Plan::Commands(commands.clone()))?;
            let status = relay(&mut session, options.timeout, &mut std::io::stdout().lock())?;
            Ok(ExitCode::from(status))
        }
    }
}

fn interactive(boot: &Boot<'_>) -> Outcome<ExitCode> {
    let (mut qemu, files) = boot.interactive()?;
    let guard = TerminalGuard::remember();
    let status = qemu.status();
    drop(guard);
    let status = status.attempting("start QEMU")?;
    if status.code() == Some(crate::guest::SUCCESS) {
        return Ok(ExitCode::SUCCESS);
    }
    progress::excerpt("kernel log", &files.kernel_log());
    Err(Failure::new(format!("the guest did not power off: QEMU ended with {status}"))
        .with_status(GUEST_FAILED))
}

/// How long a guest may take to come up; TCG on a busy machine is slow.
pub(crate) const BOOT: Duration = Duration::from_secs(180);

/// Copies the commands' output to `sink` and returns their exit status. `limit` is the time they
/// may take once they have begun.
pub(crate) fn relay(session: &mut Session, limit: Duration, sink: &mut impl Write) -> Outcome<u8> {
    let mut begun = false;
    let mut deadline = Deadline::after(BOOT);
    loop {
        match session.next(deadline) {
            Event::Output(bytes) if begun => {
                sink.write_all(&bytes)
                    .and_then(|()| sink.flush())
                    .attempting("write the commands' output")?;
            }
            // What comes before the commands is the guest's own; it is shown if it fails.
            Event::Output(_) => {}
            Event::Report(words) if words == "begin" => {
                begun = true;
                deadline = Deadline::after(limit);
            }
            Event::Report(words) => {
                let status = words.strip_prefix("end ").and_then(|word| word.parse().ok());
                let status = status.ok_or_else(|| {
                    Failure::new(format!("the guest reported `{words}`, which means nothing"))
                        .with_status(GUEST_FAILED)
                })?;
                let ending = session.finish()?;
                if ending == Ending::PoweredOff {
                    return Ok(status);
                }
                session.evidence().show();
                return Err(broken(&format!("did not power off after the commands ({ending})")));
            }
            Event::Closed => {
                let ending = session.finish()?;
                session.evidence().show();
                return Err(broken(&format!("ended before its commands did ({ending})")));
            }
            Event::TimedOut => {
                let _ = session.stop()?;
                session.evidence().show();
                if !begun {
                    return Err(broken("did not come up in time").with_status(TIMED_OUT));
                }
                return Err(broken("was stopped: its commands did not end in time")
                    .advise("`--timeout SECONDS` gives them longer")
                    .with_status(TIMED_OUT));
            }
        }
    }
}

fn broken(what: &str) -> Failure {
    Failure::new(format!("the guest {what}")).with_status(GUEST_FAILED)
}
