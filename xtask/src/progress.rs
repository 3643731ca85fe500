//! What the reader sees of the work: one line a step on standard error, as cargo prints them.
//!
//! Standard output belongs to the results, so nothing here writes there. Colour appears only on
//! a terminal and never when NO_COLOR is set.

use std::io::{IsTerminal, Write};

use crate::failure::Failure;

/// The meaning of a coloured word.
#[derive(Clone, Copy)]
pub(crate) enum Tone {
    /// Work, or a test that passed.
    Good,
    /// An error, or a test that failed.
    Bad,
    /// A remark.
    Aside,
}

/// Paints `text` when `stream` is a terminal.
pub(crate) fn paint(text: &str, tone: Tone, stream: &impl IsTerminal) -> String {
    if !stream.is_terminal() || std::env::var_os("NO_COLOR").is_some() {
        return text.to_owned();
    }
    let code = match tone {
        Tone::Good => "1;32",
        Tone::Bad => "1;31",
        Tone::Aside => "1;36",
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}

/// Announces a step: a verb and what it is done to.
pub(crate) fn step(verb: &str, what: impl std::fmt::Display) {
    let stderr = std::io::stderr();
    let verb = paint(&format!("{verb:>12}"), Tone::Good, &stderr);
    line(&format!("{verb} {what}"));
}

/// Prints a failure and what to do about it.
pub(crate) fn failure(failure: &Failure) {
    let stderr = std::io::stderr();
    line(&format!("{}: {failure}", paint("error", Tone::Bad, &stderr)));
    if let Some(next) = failure.next() {
        line(&format!("{}: {next}", paint(" next", Tone::Aside, &stderr)));
    }
}

/// Shows a captured text under a heading, as it is.
pub(crate) fn excerpt(heading: &str, text: &str) {
    let stderr = std::io::stderr();
    line(&paint(&format!("--- {heading}"), Tone::Aside, &stderr));
    line(if text.trim_end().is_empty() { "(nothing)" } else { text.trim_end() });
}

/// One line on standard error. A closed standard error is no reason to stop working.
pub(crate) fn line(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
