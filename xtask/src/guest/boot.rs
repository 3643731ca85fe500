//! One boot: the files the guest starts with, and starting it.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::Tree;
use super::frames::Marker;
use super::machine::{Guest, Machine, qemu};
use super::session::Session;
use crate::failure::{Attempt, Failure, Outcome};
use crate::layout::{Layout, Scratch};
use crate::setup::{self, KernelImage};
use crate::terminal;

/// What /init does after it has prepared the system.
pub(crate) enum Plan {
    /// A shell for a human.
    Shell,
    /// Shell commands, their output and status reported.
    Commands(String),
    /// Scenario scripts, one after the other, in this order.
    Scenarios(Vec<String>),
}

/// Everything a guest boots from. Made once, started as often as needed.
pub(crate) struct Boot<'a> {
    layout: &'a Layout,
    guest: Guest,
    machine: Machine,
    kernel: KernelImage,
    files: Tree,
}

impl<'a> Boot<'a> {
    /// Fetches and builds what the guest needs.
    pub(crate) fn prepare(layout: &'a Layout, guest: Guest, machine: Machine) -> Outcome<Self> {
        setup::ensure_qemu()?;
        let mut files = setup::userland(layout)?;
        let kernel = setup::kernel(layout, guest)?;
        let script = |name: &str| {
            let path = layout.guest_files().join(name);
            fs::read(&path).attempting(format_args!("read {}", path.display()))
        };
        files.file("init", 0o755, script("init")?);
        files.file("etc/guest/host.sh", 0o644, script(guest.host_file())?);
        files.file("etc/guest/welcome", 0o644, script("welcome")?);
        files.file("etc/guest/scenarios.sh", 0o644, script("scenarios.sh")?);
        let mut order = String::new();
        for (name, module) in &kernel.modules {
            files.file(&format!("usr/lib/modules/{name}.ko"), 0o644, module.as_slice());
            order.push_str(name);
            order.push('\n');
        }
        files.file("etc/guest/modules", 0o644, order);
        Ok(Self { layout, guest, machine, kernel, files })
    }

    /// Starts the guest with its console on this process's own terminal.
    pub(crate) fn interactive(&self) -> Outcome<(Command, BootFiles)> {
        let (boot_files, _marker) = self.write(&Plan::Shell)?;
        let mut qemu = self.qemu(&boot_files);
        // signal=off: ctrl-C is a key for the guest, not the end of QEMU.
        qemu.args(["-chardev", "stdio,id=console,signal=off"]);
        Ok((qemu, boot_files))
    }

    /// Starts the guest with `plan` and listens to it.
    pub(crate) fn start(&self, plan: &Plan) -> Outcome<Session> {
        let (boot_files, marker) = self.write(plan)?;
        let mut qemu = self.qemu(&boot_files);
        qemu.args(["-chardev", "stdio,id=console,signal=off"]);
        qemu.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = qemu.spawn().attempting("start QEMU")?;
        Session::new(self.guest, child, boot_files, &marker)
    }

    fn qemu(&self, files: &BootFiles) -> Command {
        qemu(self.guest, self.machine, &self.kernel.path, &files.initrd, &files.kernel_log)
    }

    /// Writes the initramfs of one boot.
    fn write(&self, plan: &Plan) -> Outcome<(BootFiles, Marker)> {
        let mut files = self.files.clone();
        let marker = Marker::random()?;
        let mode = match plan {
            Plan::Shell => {
                if let Some((rows, columns)) = terminal::size() {
                    files.file("etc/guest/size", 0o644, format!("rows {rows} cols {columns}\n"));
                }
                "shell"
            }
            Plan::Commands(commands) => {
                files.file("etc/guest/commands", 0o644, format!("{commands}\n"));
                "commands"
            }
            Plan::Scenarios(names) => {
                self.add_scripts(&mut files)?;
                files.file("etc/guest/scenarios", 0o644, names.join("\n") + "\n");
                "scenarios"
            }
        };
        files.file("etc/guest/mode", 0o644, format!("{mode}\n"));
        files.file("etc/guest/marker", 0o600, format!("{}\n", marker.word()));
        let scratch = self.layout.scratch()?;
        let initrd = scratch.path().join("initrd");
        fs::write(&initrd, files.to_cpio())
            .attempting(format_args!("write {}", initrd.display()))?;
        let kernel_log = scratch.path().join("kernel.log");
        Ok((BootFiles { initrd, kernel_log, _scratch: scratch }, marker))
    }

    fn add_scripts(&self, files: &mut Tree) -> Outcome {
        let folder = self.layout.scripts();
        let doing = format!("read the scripts in {}", folder.display());
        for entry in fs::read_dir(&folder).attempting(&doing)? {
            let path = entry.attempting(&doing)?.path();
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .ok_or_else(|| Failure::new(format!("{} has a strange name", path.display())))?;
            files.file(&format!("scripts/{name}"), 0o644, fs::read(&path).attempting(&doing)?);
        }
        Ok(())
    }
}

/// The files of one boot; they vanish with this value.
pub(crate) struct BootFiles {
    initrd: PathBuf,
    kernel_log: PathBuf,
    _scratch: Scratch,
}

impl BootFiles {
    /// What the kernel has logged so far.
    pub(crate) fn kernel_log(&self) -> String {
        fs::read(&self.kernel_log)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }
}
