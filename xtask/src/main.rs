//! `cargo xtask`: everything one does with Warren, as one command each.
//!
//! | folder | what it knows |
//! |---|---|
//! | `cli` | the words of the command line and its help |
//! | `setup/` | getting what is missing: toolchain, QEMU, Debian's userland, the kernels |
//! | `guest/` | a machine in QEMU: what it boots, its console, what it says and how it ended |
//! | `run` | `cargo xtask run`: a shell, or commands whose output and status come back |
//! | `test/` | `cargo xtask test`: host tests, scenarios on two kernels, a terminal session |
//! | `demo/` | `cargo xtask demo`: a tour with a picture drawn from what the guest reports |
//! | `check` | `cargo xtask check`: formatting, lints, licences |
//!
//! Nothing here is needed to use Warren's crates; it is the workbench around them.
#![forbid(unsafe_code)]
#![allow(clippy::std_instead_of_core, reason = "a host program: std is at home here")]

mod check;
mod cli;
mod clock;
mod command;
mod demo;
mod failure;
mod guest;
mod layout;
mod progress;
mod run;
mod setup;
mod terminal;
mod test;

use std::process::ExitCode;

use cli::Request;
use failure::Outcome;
use layout::Layout;

fn main() -> ExitCode {
    match perform() {
        Ok(code) => code,
        Err(failure) => {
            progress::failure(&failure);
            ExitCode::from(failure.status())
        }
    }
}

fn perform() -> Outcome<ExitCode> {
    let request = cli::parse()?;
    let layout = Layout::find()?;
    match request {
        Request::Help(text) => {
            print!("{text}");
            Ok(ExitCode::SUCCESS)
        }
        Request::Setup => setup::everything(&layout).map(|()| ExitCode::SUCCESS),
        Request::Run(options) => run::run(&layout, &options),
        Request::Test(options) => test::test(&layout, &options),
        Request::Demo(options) => demo::demo(&layout, &options),
        Request::Check => check::check(&layout).map(|()| ExitCode::SUCCESS),
        Request::Ci => {
            check::check(&layout)?;
            test::test(&layout, &cli::TestOptions::default())
        }
    }
}
