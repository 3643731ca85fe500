//! `cargo xtask demo`: a tour with a picture drawn from what the guest reports.
//!
//! `guest/demo.sh` plays it; its words are passed on as they come. At its end it prints what
//! ip(8) reports of every namespace as JSON: `report` reads that, `picture` draws it. Nothing in
//! either knows what the script built.

mod picture;
mod report;

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use crate::cli::DemoOptions;
use crate::failure::{Attempt, Failure, Outcome};
use crate::guest::{Boot, Plan};
use crate::layout::Layout;
use crate::progress;
use crate::run::relay;

/// How long the tour may take.
const TOUR: Duration = Duration::from_secs(300);
/// What starts each report. The tour's own words never contain it.
const SECTION: &[u8] = b"\n=== ";

/// Plays the tour.
pub(crate) fn demo(layout: &Layout, options: &DemoOptions) -> Outcome<ExitCode> {
    let script = layout.guest_files().join("demo.sh");
    let commands =
        fs::read_to_string(&script).attempting(format_args!("read {}", script.display()))?;
    let boot = Boot::prepare(layout, options.guest, options.machine)?;
    progress::step("Booting", format_args!("{} in QEMU", options.guest));
    let colour = if io::stdout().is_terminal() { "yes" } else { "no" };
    let mut session = boot.start(&Plan::Commands(format!("colour={colour}\n{commands}")))?;
    let mut audience = Audience { stage: io::stdout(), held: Vec::new(), reports: None };
    let status = relay(&mut session, TOUR, &mut audience)?;
    if status != 0 {
        return Err(Failure::new(format!("the tour ended with status {status}")));
    }
    let reports = audience.reports.unwrap_or_default();
    let network = report::read(&String::from_utf8_lossy(&reports))?;
    println!("{}", picture::draw(&network));
    Ok(ExitCode::SUCCESS)
}

/// Shows the tour's words and keeps the reports that follow them.
struct Audience<W> {
    stage: W,
    /// Bytes that may be the start of the first report.
    held: Vec<u8>,
    reports: Option<Vec<u8>>,
}

impl<W: Write> Write for Audience<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(reports) = &mut self.reports {
            reports.extend(bytes);
            return Ok(bytes.len());
        }
        self.held.extend(bytes);
        let start = self.held.windows(SECTION.len()).position(|window| window == SECTION);
        let shown = match start {
            Some(start) => {
                self.reports = Some(self.held.split_off(start));
                start
            }
            None => self.held.len().saturating_sub(SECTION.len() - 1),
        };
        self.stage.write_all(&self.held[..shown])?;
        self.held.drain(..shown);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stage.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_shown_and_reports_are_kept_wherever_the_stream_is_cut() {
        let stream = b"some words\n\n=== first\n[]\n=== ids\n[]";
        for cut in 0..stream.len() {
            let mut audience = Audience { stage: Vec::new(), held: Vec::new(), reports: None };
            audience.write_all(&stream[..cut]).expect("in memory");
            audience.write_all(&stream[cut..]).expect("in memory");
            assert_eq!(audience.stage, b"some words\n", "cut at {cut}");
            assert_eq!(audience.reports.as_deref(), Some(&stream[11..]), "cut at {cut}");
        }
    }
}
