//! `cargo xtask test`: every test there is, counted.
//!
//! | file | what it tests |
//! |---|---|
//! | `host` | everything that runs under `cargo test` |
//! | `scenario` | the scripts of `tests/scripts` in a guest |
//! | `compare`, `normalise` | that Warren prints what Linux prints |
//! | `console` | `cargo xtask run` itself: a session at the terminal, commands, failures |

mod compare;
mod console;
mod host;
mod normalise;
mod scenario;
mod score;

use std::collections::BTreeMap;
use std::process::ExitCode;

use score::Score;

use crate::cli::TestOptions;
use crate::clock::Stopwatch;
use crate::failure::Outcome;
use crate::guest::{Boot, Guest, Machine};
use crate::layout::Layout;
use crate::progress;

/// Runs the tests that were asked for.
pub(crate) fn test(layout: &Layout, options: &TestOptions) -> Outcome<ExitCode> {
    let stopwatch = Stopwatch::start();
    let mut score = Score::default();
    if !options.guest_only && options.only.is_none() {
        host::run(layout, options.filter.as_deref(), &mut score)?;
    }
    if !options.host_only {
        in_guests(layout, options, &mut score)?;
    }
    progress::step("Finished", format_args!("in {} s", stopwatch.elapsed().as_secs()));
    Ok(score.close())
}

fn in_guests(layout: &Layout, options: &TestOptions, score: &mut Score) -> Outcome {
    let guests = match options.only {
        Some(guest) => vec![guest],
        None => vec![Guest::Linux, Guest::Warren],
    };
    let filter = options.filter.as_deref();
    let names = scenario::names(layout, filter)?;
    let mut outputs: Vec<BTreeMap<String, String>> = Vec::new();
    for guest in &guests {
        // A kernel that does not build or boot is one failed test; the others still run.
        let mut output = BTreeMap::new();
        if let Err(failure) = scenarios(layout, *guest, options, &names, &mut output, score) {
            score.fail(&format!("{guest}/boots"), &failure.to_string());
        }
        outputs.push(output);
    }
    if let [linux, warren] = &outputs[..] {
        for (name, linux) in linux {
            let name_here = format!("same/{name}");
            match warren.get(name).map(|warren| compare::difference(linux, warren)) {
                Some(None) => score.pass(&name_here),
                Some(Some(difference)) => score.fail(&name_here, &difference),
                None => score.fail(&name_here, "Warren did not come to the end of it"),
            }
        }
    }
    for guest in guests {
        console::run(guest, filter, score);
    }
    Ok(())
}

/// Runs the scripts on one guest and keeps what they printed.
fn scenarios(
    layout: &Layout,
    guest: Guest,
    options: &TestOptions,
    names: &[String],
    outputs: &mut BTreeMap<String, String>,
    score: &mut Score,
) -> Outcome {
    if names.is_empty() {
        return Ok(());
    }
    let boot = Boot::prepare(layout, guest, Machine::default())?;
    progress::step("Testing", format_args!("{} scripts on {guest}", names.len()));
    scenario::run(&boot, names.to_vec(), |run| {
        let name = format!("{guest}/{}", run.name);
        match &run.complaint {
            None => {
                if options.verbose {
                    progress::excerpt(&name, &run.output);
                }
                score.pass(&name);
            }
            Some(why) => score.fail(&name, &format!("{}\n{why}", run.output.trim_end())),
        }
        // What a failed script printed is compared as well: it often shows why.
        outputs.insert(run.name, run.output);
    })
}
