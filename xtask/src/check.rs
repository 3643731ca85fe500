//! `cargo xtask check`: formatting, lints, licences, for both workspaces.

use std::process::Command;

use crate::command;
use crate::failure::{Failure, Outcome};
use crate::layout::Layout;
use crate::progress;
use crate::setup::{Component, KernelToolchain};

/// Runs every check, and fails if one of them does.
pub(crate) fn check(layout: &Layout) -> Outcome {
    let mut failed = Vec::new();
    let mut run = |name: &'static str, command: &mut Command| {
        progress::step("Checking", name);
        if let Err(failure) = command::show(command, name) {
            progress::failure(&failure);
            failed.push(name);
        }
    };

    ensure_own_components()?;
    let cargo = || {
        let mut cargo = Command::new("cargo");
        cargo.current_dir(layout.root());
        cargo
    };
    run("format", cargo().args(["fmt", "--all", "--check"]));
    run(
        "lints",
        cargo().args(["clippy", "--workspace", "--all-targets", "--locked", "--quiet"]).args(DENY),
    );
    if layout.kernel().join("Cargo.toml").is_file() {
        let toolchain = KernelToolchain::ensure(layout)?;
        toolchain.ensure_component(Component::Rustfmt)?;
        toolchain.ensure_component(Component::Clippy)?;
        run("format of the kernel", toolchain.cargo(layout).args(["fmt", "--all", "--check"]));
        let mut clippy = toolchain.cargo(layout);
        run(
            "lints of the kernel",
            clippy.args(["clippy", "--release", "--locked", "--quiet"]).args(DENY),
        );
    }
    if command::succeeds(cargo().args(["deny", "--version"])) {
        run("licences", cargo().args(["deny", "--all-features", "check"]));
    } else {
        progress::step("Skipping", "licences: cargo-deny is not installed");
    }

    if failed.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("these checks failed: {}", failed.join(", ")))
        .advise("`cargo fmt` repairs formatting; clippy says above what it wants"))
}

/// In a check a warning is an error.
const DENY: [&str; 3] = ["--", "-D", "warnings"];

/// The formatter and the lints of the toolchain xtask itself was built with.
fn ensure_own_components() -> Outcome {
    for (tool, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        if !command::succeeds(Command::new("cargo").args([tool, "--version"])) {
            progress::step("Installing", component);
            let mut add = Command::new("rustup");
            command::show(add.args(["component", "add", component]), "install a component")?;
        }
    }
    Ok(())
}
