//! QEMU, installed through apt when it is missing.

use std::process::Command;

use crate::command;
use crate::failure::{Failure, Outcome};
use crate::progress;

/// The program that boots guests.
pub(crate) const QEMU: &str = "qemu-system-x86_64";
const PACKAGE: &str = "qemu-system-x86";

/// Makes sure QEMU is there. Installing it is the one step that needs root.
pub(crate) fn ensure_qemu() -> Outcome {
    if is_installed() {
        return Ok(());
    }
    let by_hand = format!("install it with `apt-get install --no-install-recommends {PACKAGE}`");
    if !rustix::process::geteuid().is_root() {
        return Err(Failure::new("QEMU is not installed, and installing it needs root")
            .advise(format!("{by_hand} as root, then repeat this command")));
    }
    progress::step("Installing", "QEMU (apt package qemu-system-x86)");
    install()
        .or_else(|_| {
            // The machine's package lists may be empty or out of date.
            command::show(Command::new("apt-get").args(["update", "-qq"]), "update apt's lists")?;
            install()
        })
        .map_err(|failure| failure.advise(by_hand))?;
    if is_installed() { Ok(()) } else { Err(Failure::new("QEMU still does not start")) }
}

fn is_installed() -> bool {
    command::succeeds(Command::new(QEMU).arg("--version"))
}

fn install() -> Outcome {
    let mut apt = Command::new("apt-get");
    apt.args(["install", "-y", "-qq", "--no-install-recommends", PACKAGE]);
    command::show(apt.env("DEBIAN_FRONTEND", "noninteractive"), "install QEMU")
}
