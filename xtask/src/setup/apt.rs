//! Debian's package manager, asked but never told to install: versions, dependencies, downloads.

use std::path::Path;
use std::process::Command;

use crate::command;
use crate::failure::{Failure, Outcome};
use crate::layout::Layout;
use crate::progress;

/// apt with the lists it should use: the machine's, or our own when the machine has none.
pub(crate) struct Apt {
    options: Vec<String>,
}

/// A package as apt would install it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
    /// What it depends on; of alternatives the first.
    pub(crate) depends: Vec<String>,
}

impl Apt {
    /// An apt that knows where to get the packages `names`.
    pub(crate) fn ready(layout: &Layout, names: &[&str]) -> Outcome<Self> {
        let architecture =
            command::capture(Command::new("dpkg").arg("--print-architecture"), "ask dpkg")
                .map_err(|failure| {
                    failure.advise("xtask fetches its userland with Debian's apt")
                })?;
        if architecture.trim() != "amd64" {
            let what = format!("this machine's packages are for {}", architecture.trim());
            return Err(Failure::new(format!("{what}, the guests need amd64"))
                .advise("run it on an amd64 machine or in an amd64 container"));
        }
        let system = Self { options: Vec::new() };
        if system.knows(names) {
            return Ok(system);
        }
        let own = Self { options: own_state(layout)? };
        if !own.knows(names) {
            progress::step("Updating", "apt's package lists (kept under target/)");
            command::show(own.command("apt-get").args(["update", "-qq"]), "update apt's lists")
                .map_err(|failure| failure.advise("apt needs the network for this once"))?;
        }
        if !own.knows(names) {
            return Err(Failure::new(format!("apt does not know all of: {}", names.join(" ")))
                .advise("apt's sources must contain Debian's `main`; see sources.list(5)"));
        }
        Ok(own)
    }

    fn knows(&self, names: &[&str]) -> bool {
        let found = self.show(names).unwrap_or_default();
        names.iter().all(|name| found.iter().any(|package| package.name == *name))
    }

    /// The packages' records, in no particular order, of those that can be downloaded.
    pub(crate) fn show(&self, names: &[&str]) -> Outcome<Vec<Package>> {
        let mut apt = self.command("apt-cache");
        apt.args(["show", "--no-all-versions"]).args(names);
        let text = command::capture(&mut apt, "look up packages")?;
        Ok(records(&text))
    }

    /// Downloads packages as files into `folder`.
    pub(crate) fn download(&self, packages: &[&Package], folder: &Path) -> Outcome {
        let mut apt = self.command("apt-get");
        apt.args(["download", "-qq"]).current_dir(folder);
        if rustix::process::geteuid().is_root() {
            // apt's sandbox user may not write below target/.
            apt.args(["-o", "APT::Sandbox::User=root"]);
        }
        apt.args(packages.iter().map(|package| format!("{}={}", package.name, package.version)));
        command::show(&mut apt, "download packages").map_err(|failure| {
            failure.advise("apt needs the network, and lists that are up to date")
        })
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.args(&self.options).env("LC_ALL", "C");
        command
    }
}

/// Options that make apt keep its lists under target/, which needs no root.
fn own_state(layout: &Layout) -> Outcome<Vec<String>> {
    let state = layout.cache("apt/state")?;
    let lists = layout.cache("apt/state/lists")?;
    layout.cache("apt/state/lists/partial")?;
    let archives = layout.cache("apt/cache")?;
    layout.cache("apt/cache/archives/partial")?;
    let folders =
        [("Dir::State", &state), ("Dir::State::lists", &lists), ("Dir::Cache", &archives)];
    let mut options = Vec::new();
    for (name, path) in folders {
        options.push("-o".to_owned());
        options.push(format!("{name}={}", path.display()));
    }
    options.extend(["-o".to_owned(), "Dir::State::status=/var/lib/dpkg/status".to_owned()]);
    if rustix::process::geteuid().is_root() {
        options.extend(["-o".to_owned(), "APT::Sandbox::User=root".to_owned()]);
    }
    Ok(options)
}

/// Splits the output of `apt-cache show` into packages.
fn records(text: &str) -> Vec<Package> {
    text.split("\n\n").filter_map(record).collect()
}

fn record(stanza: &str) -> Option<Package> {
    let field =
        |name: &str| stanza.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let depends = [field("Pre-Depends"), field("Depends")]
        .into_iter()
        .flatten()
        .flat_map(|list| list.split(','))
        .filter_map(|choice| choice.split('|').next()?.split_whitespace().next())
        .map(|name| name.split(':').next().unwrap_or(name).to_owned())
        .collect();
    // Without lists apt still knows what is installed, but not where to get it.
    field("Filename")?;
    Some(Package {
        name: field("Package")?.to_owned(),
        version: field("Version")?.to_owned(),
        depends,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_tells_name_version_and_the_first_of_each_alternative_and_can_be_downloaded() {
        let text = "Package: iproute2\nVersion: 6.1.0-3\nPre-Depends: libc6 (>= 2.34)\n\
                    Depends: debconf (>= 0.5) | debconf-2.0, libmnl0, python3:any\n\
                    Filename: pool/i\n\nPackage: libmnl0\nVersion: 1.0.4-3\nFilename: pool/m\n\n\
                    Package: dash\nStatus: install ok installed\nVersion: 0.5\n\n";
        let packages = records(text);
        assert_eq!(packages.len(), 2);
        assert_eq!(packages[0].name, "iproute2");
        assert_eq!(packages[0].version, "6.1.0-3");
        assert_eq!(packages[0].depends, ["libc6", "debconf", "libmnl0", "python3"]);
        assert_eq!(packages[1].depends, [""; 0]);
    }

    #[test]
    fn text_that_is_no_record_is_no_package() {
        assert_eq!(records("N: Unable to locate package\n"), []);
    }
}
