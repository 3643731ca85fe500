//! `cargo xtask demo`.
use crate::{cli::DemoOptions, failure::Outcome, layout::Layout};
use std::process::ExitCode;
pub(crate) fn demo(_: &Layout, _: &DemoOptions) -> Outcome<ExitCode> {
    Err(crate::failure::Failure::new("not written yet"))
}
