//! Which kernel boots, on which machine: QEMU's command line in one place.

use std::fmt;
use std::path::Path;
use std::process::Command;

use crate::setup::QEMU;

/// The kernel under test, or the one to compare with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guest {
    /// This repository's kernel.
    Warren,
    /// Debian's.
    Linux,
}

/// What the guest runs on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Machine {
    /// Processors.
    pub(crate) cpus: u32,
    /// Memory in MiB.
    pub(crate) memory_mib: u32,
}

impl Default for Machine {
    fn default() -> Self {
        Self { cpus: 2, memory_mib: 512 }
    }
}

/// QEMU's exit status when the guest wrote 0x10 to the debug exit device: (0x10 << 1) | 1.
pub(crate) const SUCCESS: i32 = 33;

impl fmt::Display for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Warren => "Warren",
            Self::Linux => "Linux",
        })
    }
}

impl Guest {
    /// The file of `xtask/guest` with what only this guest's /init does.
    pub(crate) fn host_file(self) -> &'static str {
        match self {
            Self::Warren => "warren.sh",
            Self::Linux => "linux.sh",
        }
    }

    fn command_line(self) -> &'static str {
        match self {
            Self::Warren => "",
            // The console, ttyS0, stays the programs' own. The comparison is without IPv6 until
            // Warren has it; a panic reboots at once, which QEMU reports as an exit.
            Self::Linux => {
                "console=ttyS1 ipv6.disable=1 panic=-1 mitigations=off tsc=reliable no_timer_check"
            }
        }
    }
}

/// QEMU, with everything but the console's character device (which must have the id `console`).
pub(crate) fn qemu(
    guest: Guest,
    machine: Machine,
    kernel: &Path,
    initrd: &Path,
    kernel_log: &Path,
) -> Command {
    // QEMU ends with us, however we end. setpriv(1) is in util-linux, which every Debian has.
    let mut qemu = Command::new("setpriv");
    qemu.args(["--pdeathsig", "TERM", QEMU]);
    // Not KVM: the instructions of TCG are the same on every machine the tests run on.
    qemu.args(["-accel", "tcg", "-cpu", "max", "-nodefaults", "-display", "none", "-no-reboot"]);
    qemu.args(["-smp", &machine.cpus.to_string(), "-m", &format!("{}M", machine.memory_mib)]);
    qemu.arg("-kernel").arg(kernel).arg("-initrd").arg(initrd);
    qemu.args(["-append", guest.command_line()]);
    qemu.args(["-device", "isa-debug-exit,iobase=0xf4,iosize=4", "-serial", "chardev:console"]);
    let log = format!("file:{}", kernel_log.display());
    match guest {
        Guest::Warren => qemu.args(["-debugcon", &log]),
        Guest::Linux => qemu.args(["-serial", &log]),
    };
    qemu
}
