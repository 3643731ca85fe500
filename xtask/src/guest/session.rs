//! A guest that is running: what it reports, what its programs print, and how it ends.

use std::collections::VecDeque;
use std::fmt;
use std::io::Read;
use std::process::{Child, ExitStatus};
use std::thread::JoinHandle;
use std::time::Duration;

use super::boot::BootFiles;
use super::frames::{Frame, Frames, Marker};
use super::machine::{Guest, SUCCESS};
use super::stream::{Chunk, Stream};
use crate::clock::{self, Deadline};
use crate::failure::{Failure, Outcome};
use crate::progress;

/// What happened next.
pub(crate) enum Event {
    /// A program printed these bytes.
    Output(Vec<u8>),
    /// /init reported these words.
    Report(String),
    /// The console was closed: QEMU has ended or is about to.
    Closed,
    /// Nothing happened before the deadline.
    TimedOut,
}

/// How a guest ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Ending {
    /// It powered off as asked.
    PoweredOff,
    /// It ended some other way: a panic, a reset, an error of QEMU.
    Failed(ExitStatus),
    /// It had to be stopped.
    Stopped,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PoweredOff => f.write_str("it powered off"),
            Self::Failed(status) => {
                write!(f, "QEMU ended with {status}, success would be {SUCCESS}")
            }
            Self::Stopped => f.write_str("it hung and was stopped"),
        }
    }
}

/// A running guest. Dropping it ends QEMU.
pub(crate) struct Session {
    guest: Guest,
    qemu: Child,
    qemu_said: Option<JoinHandle<String>>,
    console: Stream,
    frames: Frames,
    waiting: VecDeque<Event>,
    transcript: Vec<u8>,
    files: BootFiles,
}

/// How much of the console is kept to be shown after a failure.
const TRANSCRIPT: usize = 64 * 1024;
/// How long powering off may take after the last report.
const POWER_OFF: Duration = Duration::from_secs(20);

impl Session {
    /// Listens to a QEMU that was just started with piped output.
    pub(super) fn new(
        guest: Guest,
        mut qemu: Child,
        files: BootFiles,
        marker: &Marker,
    ) -> Outcome<Self> {
        let (Some(stdout), Some(mut stderr)) = (qemu.stdout.take(), qemu.stderr.take()) else {
            return Err(Failure::new("QEMU was started without pipes"));
        };
        let qemu_said = std::thread::spawn(move || {
            let mut text = Vec::new();
            // An unreadable standard error leaves us with what came so far.
            let _ = stderr.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        Ok(Self {
            guest,
            qemu,
            qemu_said: Some(qemu_said),
            console: Stream::reading(stdout),
            frames: Frames::new(marker),
            waiting: VecDeque::new(),
            transcript: Vec::new(),
            files,
        })
    }

    /// Waits for something to happen.
    pub(crate) fn next(&mut self, deadline: Deadline) -> Event {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return event;
            }
            match self.console.next(deadline) {
                Chunk::Bytes(bytes) => {
                    self.remember(&bytes);
                    for frame in self.frames.push(&bytes) {
                        self.waiting.push_back(match frame {
                            Frame::Output(bytes) => Event::Output(bytes),
                            Frame::Report(words) => Event::Report(words),
                        });
                    }
                }
                Chunk::TimedOut => return Event::TimedOut,
                Chunk::Closed => {
                    let rest = self.frames.finish();
                    self.waiting.push_back(Event::Closed);
                    if !rest.is_empty() {
                        return Event::Output(rest);
                    }
                }
            }
        }
    }

    /// Waits for the guest to power off after its last report.
    pub(crate) fn finish(&mut self) -> Outcome<Ending> {
        let deadline = Deadline::after(POWER_OFF);
        loop {
            match self.next(deadline) {
                Event::Closed => break,
                Event::TimedOut => return self.stop(),
                Event::Output(_) | Event::Report(_) => {}
            }
        }
        loop {
            match self.qemu.try_wait() {
                Ok(Some(status)) if status.code() == Some(SUCCESS) => {
                    return Ok(Ending::PoweredOff);
                }
                Ok(Some(status)) => return Ok(Ending::Failed(status)),
                Ok(None) if deadline.remaining().is_zero() => return self.stop(),
                Ok(None) => clock::pause(Duration::from_millis(5)),
                Err(error) => {
                    return Err(Failure::new(format!("could not wait for QEMU: {error}")));
                }
            }
        }
    }

    /// Ends QEMU now.
    pub(crate) fn stop(&mut self) -> Outcome<Ending> {
        let stopped = self.qemu.kill().and_then(|()| self.qemu.wait());
        match stopped {
            Ok(_) => Ok(Ending::Stopped),
            Err(error) => Err(Failure::new(format!("could not stop QEMU: {error}"))),
        }
    }

    /// What there is to see after a failure: the console and the kernel's log. QEMU must have
    /// ended.
    pub(crate) fn evidence(&mut self) -> Evidence {
        let qemu_said = self.qemu_said.take().and_then(|thread| thread.join().ok());
        Evidence {
            guest: self.guest,
            console: String::from_utf8_lossy(&self.transcript).into_owned(),
            kernel_log: self.files.kernel_log(),
            qemu_said: qemu_said.unwrap_or_default(),
        }
    }

    fn remember(&mut self, bytes: &[u8]) {
        self.transcript.extend(bytes);
        let surplus = self.transcript.len().saturating_sub(TRANSCRIPT);
        self.transcript.drain(..surplus);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Harmless when it has ended already.
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

/// What a guest leaves behind.
pub(crate) struct Evidence {
    guest: Guest,
    console: String,
    kernel_log: String,
    qemu_said: String,
}

impl Evidence {
    /// Shows it on standard error.
    pub(crate) fn show(&self) {
        progress::excerpt(&format!("console of {}", self.guest), &printable(&self.console));
        progress::excerpt(&format!("kernel log of {}", self.guest), &printable(&self.kernel_log));
        if !self.qemu_said.trim().is_empty() {
            progress::excerpt("messages of QEMU", &self.qemu_said);
        }
    }
}

/// Text that cannot move the reader's cursor or change the terminal's colours.
fn printable(text: &str) -> String {
    text.chars()
        .filter(|c| *c != '\r')
        .flat_map(|c| {
            let visible = c == '\n' || c == '\t' || !c.is_control();
            if visible { vec![c] } else { c.escape_default().collect() }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn shown_text_cannot_drive_the_terminal() {
        assert_eq!(printable("a\r\n\tb\u{1b}[31m"), "a\n\tb\\u{1b}[31m");
    }
}
