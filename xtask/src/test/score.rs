//! Counting tests: a line for each, a list of failures, the last line everybody looks for.

use std::process::ExitCode;

use crate::progress::{self, Tone, paint};

/// What was counted so far.
#[derive(Default)]
pub(crate) struct Score {
    passed: u64,
    failed: u64,
    failures: Vec<String>,
}

impl Score {
    /// Counts a test that passed.
    pub(crate) fn pass(&mut self, name: &str) {
        self.passed += 1;
        announce(name, "ok", Tone::Good);
    }

    /// Counts a test that failed, and shows why.
    pub(crate) fn fail(&mut self, name: &str, why: &str) {
        self.failed += 1;
        self.failures.push(name.to_owned());
        announce(name, "FAILED", Tone::Bad);
        for line in why.lines() {
            progress::line(&format!("    {line}"));
        }
    }

    /// Adds the counts of a test runner that prints its own lines.
    pub(crate) fn add(&mut self, runner: &str, passed: u64, failed: u64) {
        self.passed += passed;
        self.failed += failed;
        if failed > 0 {
            self.failures.push(format!("{failed} of {runner}"));
        }
    }

    /// Prints the summary and turns it into an exit status. No test at all is a failure.
    pub(crate) fn close(self) -> ExitCode {
        let stdout = std::io::stdout();
        for failure in &self.failures {
            println!("{} {failure}", paint("FAILED", Tone::Bad, &stdout));
        }
        println!("{} passed, {} failed", self.passed, self.failed);
        if self.failed == 0 && self.passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

fn announce(name: &str, word: &str, tone: Tone) {
    let word = paint(word, tone, &std::io::stderr());
    progress::line(&format!("test {name} ... {word}"));
}
