//! The host's tests: `cargo test` of the stable workspace, counted from its own summaries.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use super::score::Score;
use crate::failure::{Attempt, Failure, Outcome};
use crate::layout::Layout;
use crate::progress;

/// Runs the tests whose name contains `filter` and passes their output through.
pub(crate) fn run(layout: &Layout, filter: Option<&str>, score: &mut Score) -> Outcome {
    progress::step("Testing", "on the host");
    let mut cargo = Command::new("cargo");
    cargo.current_dir(layout.root()).stdin(Stdio::null()).stdout(Stdio::piped());
    cargo.args(["test", "--workspace", "--no-fail-fast"]).args(filter);
    let mut child = cargo.spawn().attempting("start cargo test")?;
    let output = child.stdout.take().ok_or_else(|| Failure::new("cargo test has no output"))?;
    let (mut passed, mut failed) = (0, 0);
    for line in BufReader::new(output).lines() {
        let line = line.attempting("read the output of cargo test")?;
        progress::line(&line);
        if let Some((p, f)) = summary(&line) {
            passed += p;
            failed += f;
        }
    }
    let status = child.wait().attempting("wait for cargo test")?;
    score.add("the host's tests", passed, failed);
    if !status.success() && failed == 0 {
        score.fail("host/builds", &format!("cargo test ended with {status}"));
    }
    Ok(())
}

/// The counts in `test result: ok. 3 passed; 0 failed; ...`.
fn summary(line: &str) -> Option<(u64, u64)> {
    let (_verdict, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let count = |word: &str| {
        let field = counts.split(';').find_map(|field| field.trim().strip_suffix(word))?;
        field.trim().parse().ok()
    };
    Some((count("passed")?, count("failed")?))
}

#[cfg(test)]
mod tests {
    use super::summary;

    #[test]
    fn the_summary_of_a_test_program_is_read() {
        let line =
            "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 0 filtered out";
        assert_eq!(summary(line), Some((12, 3)));
    }

    #[test]
    fn other_lines_are_no_summary() {
        assert_eq!(summary("test a::b ... ok"), None);
        assert_eq!(summary("test result: none"), None);
    }
}
