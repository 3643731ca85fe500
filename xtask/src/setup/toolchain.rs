//! The kernel's toolchain: pinned in `kernel/rust-toolchain.toml`, installed through rustup.
//!
//! It is installed explicitly, because a machine may have rustup's automatic installation
//! switched off (`RUSTUP_AUTO_INSTALL=0`).

use std::fs;
use std::process::Command;

use crate::command;
use crate::failure::{Attempt, Failure, Outcome};
use crate::layout::Layout;
use crate::progress;

/// The target the kernel is built for.
pub(crate) const TARGET: &str = "x86_64-unknown-none";

/// A part of a toolchain that is not in rustup's minimal profile.
#[derive(Clone, Copy)]
pub(crate) enum Component {
    /// `cargo fmt`.
    Rustfmt,
    /// `cargo clippy`.
    Clippy,
}

impl Component {
    fn name(self) -> &'static str {
        match self {
            Self::Rustfmt => "rustfmt",
            Self::Clippy => "clippy",
        }
    }
}

/// The toolchain of the kernel's workspace, known to be installed.
pub(crate) struct KernelToolchain {
    channel: String,
}

impl KernelToolchain {
    /// Installs the pinned toolchain and target unless they are there.
    pub(crate) fn ensure(layout: &Layout) -> Outcome<Self> {
        let pin = layout.kernel().join("rust-toolchain.toml");
        let text = fs::read_to_string(&pin).attempting(format_args!("read {}", pin.display()))?;
        let channel = pinned_channel(&text)
            .ok_or_else(|| Failure::new(format!("{} does not pin a `channel`", pin.display())))?;
        let mut rustc = Command::new("rustup");
        rustc.args(["run", channel, "rustc", "--print", "target-libdir", "--target", TARGET]);
        let installed = command::capture(&mut rustc, "ask rustc for its libraries")
            .is_ok_and(|path| fs::exists(path.trim()).unwrap_or(false));
        if !installed {
            progress::step("Installing", format_args!("Rust {channel} for {TARGET}"));
            let mut install = Command::new("rustup");
            install.args(["toolchain", "install", channel, "--profile", "minimal"]);
            install.args(["--target", TARGET, "--no-self-update"]);
            command::show(&mut install, "install the kernel's toolchain")
                .map_err(|failure| failure.advise("rustup needs the network for this once"))?;
        }
        Ok(Self { channel: channel.to_owned() })
    }

    /// Installs a component unless it is there.
    pub(crate) fn ensure_component(&self, component: Component) -> Outcome {
        let list = command::capture(
            Command::new("rustup").args([
                "component",
                "list",
                "--installed",
                "--toolchain",
                &self.channel,
            ]),
            "list the toolchain's components",
        )?;
        if list.lines().any(|line| line.starts_with(component.name())) {
            return Ok(());
        }
        progress::step("Installing", format_args!("{} for {}", component.name(), self.channel));
        command::show(
            Command::new("rustup").args([
                "component",
                "add",
                component.name(),
                "--toolchain",
                &self.channel,
            ]),
            "install a component of the toolchain",
        )
    }

    /// A `cargo` of this toolchain, in the kernel's folder.
    pub(crate) fn cargo(&self, layout: &Layout) -> Command {
        let mut cargo = Command::new("rustup");
        cargo.args(["run", &self.channel, "cargo"]).current_dir(layout.kernel());
        // rustup tells `cargo xtask` its own toolchain in the first of these; the kernel has
        // another, and the flags in its own configuration must not be replaced.
        for variable in
            ["RUSTUP_TOOLCHAIN", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET"]
        {
            cargo.env_remove(variable);
        }
        cargo
    }
}

/// The `channel = "..."` of a rust-toolchain.toml.
fn pinned_channel(text: &str) -> Option<&str> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once('=')?;
        (key.trim() == "channel").then(|| value.trim().trim_matches('"'))
    })
}

#[cfg(test)]
mod tests {
    use super::pinned_channel;

    #[test]
    fn the_channel_is_read_from_the_pin() {
        let text = "[toolchain]\nchannel = \"nightly-2026-07-21\"\nprofile = \"minimal\"\n";
        assert_eq!(pinned_channel(text), Some("nightly-2026-07-21"));
    }

    #[test]
    fn a_pin_without_a_channel_is_noticed() {
        assert_eq!(pinned_channel("[toolchain]\nprofile = \"minimal\"\n"), None);
    }
}
