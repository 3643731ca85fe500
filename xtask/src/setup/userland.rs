//! The guest's programs: Debian's, unmodified, with exactly the libraries they are linked to.
//!
//! Packages are unpacked in the cache and laid out as Debian's merged /usr has them (`/bin` is a
//! link to `usr/bin`). Busybox provides what the real packages here do not; where both have a
//! program, the real one wins. Libraries are found by following `DT_NEEDED`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::elf;
use super::packages::{Unpack, unpacked};
use crate::command;
use crate::failure::{Attempt, Failure, Outcome};
use crate::guest::Tree;
use crate::layout::Layout;

/// Packages, and the programs taken out of each.
const PROGRAMS: &[(&str, &[&str])] = &[
    ("bash", &["bin/bash"]),
    ("busybox-static", &["bin/busybox"]),
    ("dash", &["bin/dash"]),
    ("iproute2", &["bin/ip", "bin/ss", "sbin/bridge", "sbin/tc"]),
    ("iputils-ping", &["bin/ping", "bin/ping4", "bin/ping6"]),
    ("mount", &["bin/mount", "bin/umount"]),
    (
        "util-linux",
        &[
            "bin/findmnt",
            "bin/mountpoint",
            "usr/bin/lsns",
            "usr/bin/nsenter",
            "usr/bin/prlimit",
            "usr/bin/setpriv",
            "usr/bin/setsid",
            "usr/bin/unshare",
        ],
    ),
];

/// iproute2's names for tables, scopes and protocols.
const CONFIGURATION: (&str, &str) = ("iproute2", "etc/iproute2");

/// Where Debian's loader looks for libraries.
const LIBRARY_FOLDERS: &[&str] = &["lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu", "lib64"];

const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/tmp:/bin/sh\n\
                      nobody:x:65534:65534:nobody:/nonexistent:/bin/false\n";
const GROUP: &str = "root:x:0:\nuser:x:1000:\nnogroup:x:65534:\n";
const HOSTS: &str = "127.0.0.1 localhost\n";

/// Fetches the packages if need be, and lays the files out.
pub(crate) fn userland(layout: &Layout) -> Outcome<Tree> {
    let names: Vec<&str> = PROGRAMS.iter().map(|(package, _)| *package).collect();
    let is_library =
        |name: &str| name == "zlib1g" || name.starts_with("lib") && !name.ends_with("-bin");
    let packages = unpacked(layout, "userland", &names, |_| Unpack::Whole, is_library)?;
    let mut tree = skeleton();
    let mut libraries = Libraries { packages: &packages, tree: &mut tree };
    for (package, programs) in PROGRAMS {
        for program in *programs {
            libraries.add_program(&package_folder(&packages, package)?.join(program), program)?;
        }
    }
    let configuration = package_folder(&packages, CONFIGURATION.0)?.join(CONFIGURATION.1);
    add_folder(&mut tree, &configuration, CONFIGURATION.1)?;
    add_applets(&mut tree, &package_folder(&packages, "busybox-static")?.join("bin/busybox"))?;
    Ok(tree)
}

fn package_folder<'a>(packages: &'a BTreeMap<String, PathBuf>, name: &str) -> Outcome<&'a Path> {
    let folder =
        packages.get(name).ok_or_else(|| Failure::new(format!("{name} was not unpacked")))?;
    Ok(folder)
}

/// Debian's folders, and the few files every system has.
fn skeleton() -> Tree {
    let mut tree = Tree::default();
    for folder in ["dev", "etc", "mnt", "proc", "root", "run", "sys", "usr/bin", "usr/sbin", "var"]
    {
        tree.directory(folder, 0o755);
    }
    tree.directory("tmp", 0o1777);
    for folder in ["bin", "sbin", "lib", "lib64"] {
        tree.directory(&format!("usr/{folder}"), 0o755);
        tree.symlink(folder, &format!("usr/{folder}"));
    }
    tree.symlink("var/run", "/run");
    // Debian's choice. Busybox's shell would prefer its own applets to the programs under test.
    tree.symlink("usr/bin/sh", "dash");
    tree.character_device("dev/console", 0o600, (5, 1));
    tree.character_device("dev/null", 0o666, (1, 3));
    tree.file("etc/passwd", 0o644, PASSWD);
    tree.file("etc/group", 0o644, GROUP);
    tree.file("etc/hosts", 0o644, HOSTS);
    tree
}

/// Adds programs together with the libraries they need.
struct Libraries<'a> {
    packages: &'a BTreeMap<String, PathBuf>,
    tree: &'a mut Tree,
}

impl Libraries<'_> {
    fn add_program(&mut self, from: &Path, path: &str) -> Outcome {
        let target = merged(path);
        if let Ok(link) = fs::read_link(from) {
            self.tree.symlink(&target, &link.to_string_lossy());
            return Ok(());
        }
        let bytes = fs::read(from).attempting(format_args!("read {}", from.display()))?;
        let needs = elf::needs(&bytes).unwrap_or_default();
        self.tree.file(&target, 0o755, bytes);
        if let Some(loader) = needs.interpreter {
            let loader = loader.trim_start_matches('/');
            self.add_library_at(loader, &target)?;
        }
        for name in needs.libraries {
            self.add_library(&name, &target)?;
        }
        Ok(())
    }

    /// Finds a library by the name the loader will look for.
    fn add_library(&mut self, name: &str, needed_by: &str) -> Outcome {
        let place = LIBRARY_FOLDERS
            .iter()
            .map(|folder| format!("{folder}/{name}"))
            .find(|path| self.find(path).is_some())
            .ok_or_else(|| {
                Failure::new(format!("{needed_by} needs {name}, which no fetched package has"))
            })?;
        self.add_library_at(&place, needed_by)
    }

    fn add_library_at(&mut self, path: &str, needed_by: &str) -> Outcome {
        let target = merged(path);
        if self.tree.contains(&target) {
            return Ok(());
        }
        let from = self.find(path).ok_or_else(|| {
            Failure::new(format!("{needed_by} needs {path}, which no fetched package has"))
        })?;
        // A library's name is a link to the file with the full version; its content is enough.
        let bytes = fs::read(&from).attempting(format_args!("read {}", from.display()))?;
        let needs = elf::needs(&bytes).unwrap_or_default();
        self.tree.file(&target, 0o755, bytes);
        for name in needs.libraries {
            self.add_library(&name, &target)?;
        }
        Ok(())
    }

    /// The file at `path` in whichever package has it, links followed inside the package.
    fn find(&self, path: &str) -> Option<PathBuf> {
        self.packages.values().find_map(|package| {
            let file = package.join(path);
            let link = fs::read_link(&file).ok();
            let file = match link {
                // Absolute links point into the guest, which is this package's folder here.
                Some(link) if link.is_absolute() => package.join(link.strip_prefix("/").ok()?),
                _ => file,
            };
            file.is_file().then_some(file)
        })
    }
}

/// Where a file of a package goes in a system with a merged /usr.
fn merged(path: &str) -> String {
    let top = path.split('/').next().unwrap_or(path);
    if ["bin", "sbin", "lib", "lib64"].contains(&top) {
        format!("usr/{path}")
    } else {
        path.to_owned()
    }
}

fn add_folder(tree: &mut Tree, from: &Path, path: &str) -> Outcome {
    let doing = format!("read {}", from.display());
    for entry in fs::read_dir(from).attempting(&doing)? {
        let entry = entry.attempting(&doing)?;
        let path = format!("{path}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            add_folder(tree, &entry.path(), &path)?;
        } else {
            tree.file(&path, 0o644, fs::read(entry.path()).attempting(&doing)?);
        }
    }
    Ok(())
}

/// A link to busybox for every applet that no real program provides.
fn add_applets(tree: &mut Tree, busybox: &Path) -> Outcome {
    let applets =
        command::capture(Command::new(busybox).arg("--list"), "ask busybox for its applets")?;
    for applet in applets.lines() {
        let taken = ["usr/bin", "usr/sbin"].iter().any(|f| tree.contains(&format!("{f}/{applet}")));
        if !taken {
            tree.symlink(&format!("usr/bin/{applet}"), "busybox");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::merged;

    #[test]
    fn files_of_the_old_top_folders_move_below_usr() {
        assert_eq!(merged("bin/ip"), "usr/bin/ip");
        assert_eq!(merged("lib64/ld-linux-x86-64.so.2"), "usr/lib64/ld-linux-x86-64.so.2");
        assert_eq!(merged("usr/bin/unshare"), "usr/bin/unshare");
        assert_eq!(merged("etc/iproute2"), "etc/iproute2");
    }
}
