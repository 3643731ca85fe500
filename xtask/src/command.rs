//! Other programs, run to completion, with errors that show what they said.

use std::io;
use std::process::{Command, Stdio};

use crate::failure::{Attempt, Failure, Outcome};

/// Runs `command` and returns what it wrote on standard output. `doing` completes "could not ...".
pub(crate) fn capture(command: &mut Command, doing: &str) -> Outcome<String> {
    let output = command.stdin(Stdio::null()).output().map_err(|e| missing(command, doing, &e))?;
    if output.status.success() {
        return String::from_utf8(output.stdout).map_err(|_| {
            Failure::new(format!("could not {doing}: {} did not answer in UTF-8", name(command)))
        });
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Failure::new(format!(
        "could not {doing}: {} ended with {}\n{}",
        name(command),
        output.status,
        said.trim_end()
    )))
}

/// Runs `command` with its messages going to the reader's standard error.
pub(crate) fn show(command: &mut Command, doing: &str) -> Outcome {
    let status = command
        .stdin(Stdio::null())
        .stdout(stderr_as_stdout(doing)?)
        .status()
        .map_err(|e| missing(command, doing, &e))?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::new(format!("could not {doing}: {} ended with {status}", name(command))))
}

/// Whether `command` ends with success; what it says is thrown away.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// A duplicate of standard error, so that a helper's chatter keeps out of standard output.
fn stderr_as_stdout(doing: &str) -> Outcome<Stdio> {
    let stderr = rustix::io::dup(rustix::stdio::stderr()).map_err(io::Error::from);
    Ok(Stdio::from(stderr.attempting(doing)?))
}

fn name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

fn missing(command: &Command, doing: &str, error: &io::Error) -> Failure {
    let failure = Failure::new(format!("could not {doing}: {}: {error}", name(command)));
    if error.kind() == io::ErrorKind::NotFound {
        return failure.advise(format!("install `{}` and try again", name(command)));
    }
    failure
}
