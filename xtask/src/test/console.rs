//! `cargo xtask run` as its users meet it: driven through a pseudo-terminal, and from scripts.

use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use rustix::pty::{self, OpenptFlags};
use rustix::termios;

use super::score::Score;
use crate::clock::{self, Deadline};
use crate::failure::{Attempt, Failure, GUEST_FAILED, Outcome, TIMED_OUT};
use crate::guest::{Chunk, Guest, Stream};
use crate::run::BOOT;

/// A test of the console on one guest.
type Test = fn(Guest) -> Outcome;

const TESTS: &[(&str, Test)] = &[
    ("a_terminal_session_with_ctrl_c_ends_with_status_0", session),
    ("commands_give_back_their_bytes_and_status", commands),
    ("a_guest_that_hangs_is_stopped_and_shown", hang),
];

/// Only for Linux, which has a key for it: what happens then is xtask's business alone.
const PANIC: (&str, Test) = ("a_guest_that_panics_is_noticed_and_shown", panic);

/// Runs the tests whose name contains `filter`.
pub(crate) fn run(guest: Guest, filter: Option<&str>, score: &mut Score) {
    let panic = (guest == Guest::Linux).then_some(&PANIC);
    for (name, test) in TESTS.iter().chain(panic) {
        if filter.is_some_and(|filter| !name.contains(filter)) {
            continue;
        }
        let name = format!("{guest}/{name}");
        match test(guest) {
            Ok(()) => score.pass(&name),
            Err(failure) => score.fail(&name, &failure.to_string()),
        }
    }
}

fn session(guest: Guest) -> Outcome {
    let mut terminal = Terminal::start(guest)?;
    terminal.expect("# ", BOOT)?;
    terminal.say("ip link set lo up; ping 127.0.0.1\r")?;
    terminal.expect("icmp_seq=2 ", STEP)?;
    terminal.say(CTRL_C)?;
    terminal.expect("packets transmitted", STEP)?;
    terminal.expect("# ", STEP)?;
    // The words are computed, so that the echo of the input cannot be taken for the answer.
    terminal.say("echo alive-$((20 + 3))\r")?;
    terminal.expect("alive-23", STEP)?;
    terminal.say("sleep 1000\r")?;
    terminal.expect("sleep 1000", STEP)?;
    clock::pause(Duration::from_millis(500));
    terminal.say(CTRL_C)?;
    terminal.expect("# ", STEP)?;
    terminal.say("echo status-$?-\r")?;
    terminal.expect("status-130-", STEP)?;
    terminal.say("exit\r")?;
    let status = terminal.end(STEP)?;
    require(status.code() == Some(0), || format!("it ended with {status}"))
}

fn commands(guest: Guest) -> Outcome {
    // Newlines, carriage returns, control and non-UTF-8 bytes, and no newline at the end.
    let done = xtask_run(guest, "120", r"printf 'a\n\tb\r\n\001\004\177\377end'; exit 7")?;
    require(done.status.code() == Some(7), || format!("it ended with {}", done.status))?;
    let expected = b"a\n\tb\r\n\x01\x04\x7f\xffend";
    let printed = done.stdout.escape_ascii();
    require(done.stdout == expected, || format!("its output was `{printed}`"))
}

fn hang(guest: Guest) -> Outcome {
    let done = xtask_run(guest, "5", "echo still here; sleep 1000")?;
    require(done.status.code() == Some(TIMED_OUT.into()), || {
        format!("it ended with {}", done.status)
    })?;
    require(done.stdout == b"still here\n", || "its output so far was lost".to_owned())?;
    let shown = String::from_utf8_lossy(&done.stderr);
    require(shown.contains("--- console of"), || "the console was not shown".to_owned())
}

fn panic(guest: Guest) -> Outcome {
    let done = xtask_run(guest, "120", "echo c >/proc/sysrq-trigger")?;
    let expected = Some(GUEST_FAILED.into());
    require(done.status.code() == expected, || format!("it ended with {}", done.status))?;
    let shown = String::from_utf8_lossy(&done.stderr);
    require(shown.contains("Kernel panic"), || "the kernel log was not shown".to_owned())
}

fn require(holds: bool, complaint: impl FnOnce() -> String) -> Outcome {
    if holds { Ok(()) } else { Err(Failure::new(complaint())) }
}

/// `cargo xtask run` of this very xtask, even when a newer one was built meanwhile.
fn xtask(guest: Guest) -> Command {
    let mut xtask = Command::new("/proc/self/exe");
    xtask.arg("run");
    if guest == Guest::Linux {
        xtask.arg("--linux");
    }
    xtask
}

fn xtask_run(guest: Guest, timeout: &str, commands: &str) -> Outcome<Output> {
    let mut xtask = xtask(guest);
    xtask.args(["--timeout", timeout, "--", commands]).stdin(Stdio::null());
    xtask.output().attempting("start xtask")
}

const CTRL_C: &str = "\x03";
const STEP: Duration = Duration::from_secs(30);

/// A pseudo-terminal with `cargo xtask run` on it, and us at the keyboard.
struct Terminal {
    xtask: Child,
    keyboard: File,
    screen: Stream,
    seen: String,
    /// Our hold on the side the program uses, to look at its settings.
    line: OwnedFd,
}

impl Terminal {
    fn start(guest: Guest) -> Outcome<Self> {
        let doing = "open a pseudo-terminal";
        let io = std::io::Error::from;
        let controller =
            pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)
                .map_err(io)
                .attempting(doing)?;
        pty::grantpt(&controller).map_err(io).attempting(doing)?;
        pty::unlockpt(&controller).map_err(io).attempting(doing)?;
        let path = pty::ptsname(&controller, Vec::new()).map_err(io).attempting(doing)?;
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let line = rustix::fs::open(&path, flags, Mode::empty()).map_err(io).attempting(doing)?;
        let mut xtask = xtask(guest);
        let end = || line.try_clone().map(Stdio::from).attempting(doing);
        xtask.stdin(end()?).stdout(end()?).stderr(end()?);
        let keyboard = File::from(controller);
        let screen = Stream::reading(keyboard.try_clone().attempting(doing)?);
        let xtask = xtask.spawn().attempting("start xtask")?;
        Ok(Self { xtask, keyboard, screen, seen: String::new(), line })
    }

    fn say(&mut self, keys: &str) -> Outcome {
        self.keyboard.write_all(keys.as_bytes()).attempting("type")
    }

    /// Reads until `text` appears after what was matched before.
    fn expect(&mut self, text: &str, wait: Duration) -> Outcome {
        let deadline = Deadline::after(wait);
        loop {
            if let Some(position) = self.seen.find(text) {
                self.seen.drain(..position + text.len());
                return Ok(());
            }
            match self.screen.next(deadline) {
                Chunk::Bytes(bytes) => self.seen.push_str(&String::from_utf8_lossy(&bytes)),
                Chunk::Closed | Chunk::TimedOut => {
                    return Err(Failure::new(format!(
                        "no `{text}` came; this did:\n{}",
                        self.seen
                    )));
                }
            }
        }
    }

    /// Waits for the program to end, and checks that it gave the terminal back usable.
    fn end(&mut self, wait: Duration) -> Outcome<ExitStatus> {
        let deadline = Deadline::after(wait);
        loop {
            if let Some(status) = self.xtask.try_wait().attempting("wait for xtask")? {
                let settings = termios::tcgetattr(&self.line).map_err(std::io::Error::from);
                let modes = settings.attempting("read the terminal's settings")?.local_modes;
                let usable = termios::LocalModes::ICANON | termios::LocalModes::ECHO;
                require(modes.contains(usable), || "the terminal was left in raw mode".to_owned())?;
                return Ok(status);
            }
            if deadline.remaining().is_zero() {
                return Err(Failure::new(format!("it did not end; it said:\n{}", self.seen)));
            }
            // What the guest still says must be read, or it cannot go on.
            let soon = Deadline::after(Duration::from_millis(20)).sooner(deadline);
            match self.screen.next(soon) {
                Chunk::Bytes(bytes) => self.seen.push_str(&String::from_utf8_lossy(&bytes)),
                Chunk::Closed | Chunk::TimedOut => {}
            }
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Harmless when it has ended already.
        let _ = self.xtask.kill();
        let _ = self.xtask.wait();
    }
}
