//! Scenario scripts in a guest: several in one boot, each with its own verdict.
//!
//! A script that hangs or takes the guest down is blamed by name, and the scripts after it run in
//! a new boot. A script passes when it ends with status 0, in time, and leaves the system as it
//! found it.

use std::fs;
use std::time::Duration;

use crate::clock::Deadline;
use crate::failure::{Attempt, Failure, Outcome};
use crate::guest::{Boot, Ending, Event, Plan, Session};
use crate::layout::Layout;
use crate::progress;
use crate::run::BOOT;

/// How long one script may take.
const SCRIPT: Duration = Duration::from_secs(120);

/// How often a guest may go down before the scripts that are left are given up: a kernel that
/// hangs in each of them must not take the whole day.
const BOOTS: usize = 6;

/// What became of a script.
#[derive(Debug, Default)]
pub(crate) struct Run {
    /// The script's name.
    pub(crate) name: String,
    /// What it printed.
    pub(crate) output: String,
    /// Why it did not pass, if it did not.
    pub(crate) complaint: Option<String>,
}

/// The names of the scripts that contain `filter`, in alphabetical order. `lib.sh` is what they
/// share, not a script.
pub(crate) fn names(layout: &Layout, filter: Option<&str>) -> Outcome<Vec<String>> {
    let folder = layout.scripts();
    let doing = format!("list {}", folder.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).attempting(&doing)? {
        let file = entry.attempting(&doing)?.file_name();
        let Some(name) = file.to_str().and_then(|file| file.strip_suffix(".sh")) else { continue };
        if name != "lib" && filter.is_none_or(|filter| name.contains(filter)) {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Runs the scripts in as few boots as possible and hands every result to `judge` as it comes.
pub(crate) fn run(boot: &Boot<'_>, mut names: Vec<String>, mut judge: impl FnMut(Run)) -> Outcome {
    for _ in 0..BOOTS {
        if names.is_empty() {
            return Ok(());
        }
        let mut session = boot.start(&Plan::Scenarios(names.clone()))?;
        let mut log = Log::default();
        let stop = listen(&mut session, &mut log, &mut judge)?;
        let ended = log.ended;
        match stop {
            Stop::PoweredOff if ended == names.len() => return Ok(()),
            Stop::PoweredOff => {
                return Err(Failure::new("the guest powered off before all scripts had run"));
            }
            Stop::Broken { complaint } => {
                session.evidence().show();
                let (mut run, spent) = match log.current.take() {
                    Some(run) => (run, ended + 1),
                    // Between two scripts the one before is the suspect.
                    None => match ended.checked_sub(1).and_then(|last| names.get(last)) {
                        Some(last) => {
                            let name = format!("{last} (after its end)");
                            (Run { name, ..Run::default() }, ended)
                        }
                        None => {
                            let what = format!("the guest did not start: {complaint}");
                            return Err(Failure::new(what));
                        }
                    },
                };
                run.complaint = Some(complaint);
                judge(run);
                names.drain(..spent);
                if !names.is_empty() {
                    progress::step("Booting", "again, for the scripts that are left");
                }
            }
        }
    }
    for name in names {
        let complaint = Some(format!("not run: the guest went down {BOOTS} times before"));
        judge(Run { name, complaint, ..Run::default() });
    }
    Ok(())
}

/// Why listening ended.
enum Stop {
    PoweredOff,
    Broken { complaint: String },
}

/// What is known of the script that runs.
#[derive(Default)]
struct Log {
    current: Option<Run>,
    status: Option<u8>,
    /// The bytes since the last report.
    bytes: Vec<u8>,
    ended: usize,
}

fn listen(session: &mut Session, log: &mut Log, judge: &mut impl FnMut(Run)) -> Outcome<Stop> {
    let mut deadline = Deadline::after(BOOT);
    loop {
        match session.next(deadline) {
            Event::Output(bytes) => log.bytes.extend(bytes),
            Event::Report(words) => {
                let text = String::from_utf8_lossy(&std::mem::take(&mut log.bytes)).into_owned();
                if words == "end 0" {
                    return Ok(match session.finish()? {
                        Ending::PoweredOff => Stop::PoweredOff,
                        ending => broken(&format!("the guest did not power off: {ending}")),
                    });
                }
                if let Some(run) = log.report(&words, text)? {
                    judge(run);
                }
                deadline = Deadline::after(SCRIPT);
            }
            Event::Closed => {
                log.keep_output();
                let ending = session.finish()?;
                return Ok(broken(&format!("the guest went down: {ending}")));
            }
            Event::TimedOut => {
                log.keep_output();
                let _ = session.stop()?;
                return Ok(broken("the time was up, the guest was stopped"));
            }
        }
    }
}

fn broken(complaint: &str) -> Stop {
    Stop::Broken { complaint: complaint.to_owned() }
}

impl Log {
    /// Takes in a report and the text before it; returns the run a report completes.
    fn report(&mut self, words: &str, text: String) -> Outcome<Option<Run>> {
        let (word, rest) = words.split_once(' ').unwrap_or((words, ""));
        match (word, &mut self.current) {
            ("script", None) => {
                self.current = Some(Run { name: rest.to_owned(), ..Run::default() });
            }
            ("status", Some(run)) => {
                run.output = text;
                self.status = rest.parse().ok();
            }
            ("residue", Some(_)) => {}
            ("done", Some(run)) => {
                run.complaint = complaint(self.status.take(), &text);
                self.ended += 1;
                return Ok(self.current.take());
            }
            _ => return Err(Failure::new(format!("the guest reported `{words}` out of turn"))),
        }
        Ok(None)
    }

    /// The output of a script that was cut short belongs to its run.
    fn keep_output(&mut self) {
        if let (Some(run), None) = (&mut self.current, self.status) {
            run.output = String::from_utf8_lossy(&self.bytes).into_owned();
        }
    }
}

fn complaint(status: Option<u8>, residue: &str) -> Option<String> {
    match status {
        Some(0) if residue.is_empty() => None,
        Some(0) => Some(format!("it left something behind:\n{}", residue.trim_end())),
        Some(status) => Some(format!("it ended with status {status}")),
        None => Some("its status was not reported".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(reports: &[(&str, &str)]) -> Run {
        let mut log = Log::default();
        let mut runs = reports
            .iter()
            .filter_map(|(words, text)| log.report(words, (*text).to_owned()).expect("in turn"))
            .collect::<Vec<_>>();
        assert_eq!(runs.len(), 1);
        runs.remove(0)
    }

    #[test]
    fn a_script_that_ends_well_and_leaves_nothing_passes() {
        let run =
            completed(&[("script a", ""), ("status 0", "out\n"), ("residue", ""), ("done", "")]);
        assert_eq!(run.name, "a");
        assert_eq!(run.output, "out\n");
        assert_eq!(run.complaint, None);
    }

    #[test]
    fn a_script_that_leaves_something_behind_fails() {
        let run = completed(&[
            ("script a", ""),
            ("status 0", ""),
            ("residue", ""),
            ("done", "+process: sleep\n"),
        ]);
        assert!(run.complaint.expect("a complaint").contains("+process: sleep"));
    }

    #[test]
    fn a_status_other_than_0_fails() {
        let run = completed(&[("script a", ""), ("status 2", ""), ("residue", ""), ("done", "")]);
        assert_eq!(run.complaint.as_deref(), Some("it ended with status 2"));
    }

    #[test]
    fn reports_out_of_turn_are_refused() {
        assert!(Log::default().report("status 0", String::new()).is_err());
        assert!(Log::default().report("nonsense", String::new()).is_err());
    }
}
