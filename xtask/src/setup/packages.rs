//! Debian packages, fetched and unpacked into the cache; nothing is installed on the machine.
//!
//! A folder `packages/NAME_VERSION` appears complete or not at all: it is unpacked beside its
//! place and renamed. A small file per set of packages remembers which folders belong to it, so
//! that a second run asks apt nothing.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::apt::{Apt, Package};
use crate::command;
use crate::failure::{Attempt, Failure, Outcome};
use crate::layout::Layout;
use crate::progress;

/// What to take out of a package.
#[derive(Clone, Copy)]
pub(crate) enum Unpack {
    /// All of it.
    Whole,
    /// Only what matches these patterns of tar(1): a Linux kernel brings 4,000 modules.
    Only(&'static [&'static str]),
}

/// The unpacked folders, by package name, of the packages in `names` and of those `follow` picks
/// among what they depend on. `unpack` says what to take out of each.
pub(crate) fn unpacked(
    layout: &Layout,
    set: &str,
    names: &[&str],
    unpack: impl Fn(&str) -> Unpack,
    follow: impl Fn(&str) -> bool,
) -> Outcome<BTreeMap<String, PathBuf>> {
    let _lock = super::lock_cache(layout)?;
    let cache = layout.cache("packages")?;
    let remembered = cache.join(format!("{set}.list"));
    if let Some(folders) = recall(&cache, &remembered, names) {
        return Ok(folders);
    }
    let apt = Apt::ready(layout, names)?;
    let packages = closure(&apt, names, follow)?;
    let folder = |package: &Package| folder(package, unpack(&package.name));
    let missing: Vec<&Package> =
        packages.iter().filter(|package| !cache.join(folder(package)).is_dir()).collect();
    if !missing.is_empty() {
        let names: Vec<&str> = missing.iter().map(|package| package.name.as_str()).collect();
        progress::step("Fetching", format_args!("{set}: {}", names.join(" ")));
        let downloads = layout.scratch()?;
        apt.download(&missing, downloads.path())?;
        for package in missing {
            let archive = downloaded(downloads.path(), package)?;
            unpack_into(&archive, &cache.join(folder(package)), unpack(&package.name))?;
        }
    }
    let mut list = names.join(" ") + "\n";
    list.extend(packages.iter().map(|package| folder(package) + "\n"));
    fs::write(&remembered, list).attempting(format_args!("write {}", remembered.display()))?;
    recall(&cache, &remembered, names)
        .ok_or_else(|| Failure::new(format!("{set}.list does not list what was unpacked")))
}

/// The packages and, level by level, what they depend on as far as `follow` says so.
fn closure(apt: &Apt, names: &[&str], follow: impl Fn(&str) -> bool) -> Outcome<Vec<Package>> {
    let mut known = BTreeMap::new();
    let mut wanted: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    while !wanted.is_empty() {
        let asked: Vec<&str> = wanted.iter().map(String::as_str).collect();
        let found = apt.show(&asked)?;
        let mut next = Vec::new();
        for package in found {
            next.extend(package.depends.iter().filter(|name| follow(name)).cloned());
            known.insert(package.name.clone(), package);
        }
        if let Some(lost) = wanted.iter().find(|name| !known.contains_key(*name)) {
            return Err(Failure::new(format!("apt has no package `{lost}`")));
        }
        next.retain(|name| !known.contains_key(name));
        next.sort();
        next.dedup();
        wanted = next;
    }
    Ok(known.into_values().collect())
}

/// The folder a package is unpacked into; another choice of files is another folder.
fn folder(package: &Package, unpack: Unpack) -> String {
    // A version's epoch has a colon, which some tools take for a host name.
    let folder = format!("{}_{}", package.name, package.version.replace(':', "%3a"));
    match unpack {
        Unpack::Whole => folder,
        Unpack::Only(patterns) => {
            let mut hasher = DefaultHasher::new();
            patterns.hash(&mut hasher);
            format!("{folder}_{:016x}", hasher.finish())
        }
    }
}

/// The folders a list names, if it is about `names` and they are all there.
fn recall(cache: &Path, list: &Path, names: &[&str]) -> Option<BTreeMap<String, PathBuf>> {
    let text = fs::read_to_string(list).ok()?;
    let mut lines = text.lines();
    lines.next().filter(|about| *about == names.join(" "))?;
    let folders = lines.map(|line| {
        let (name, _version) = line.split_once('_')?;
        let path = cache.join(line);
        path.is_dir().then(|| (name.to_owned(), path))
    });
    folders.collect()
}

fn downloaded(folder: &Path, package: &Package) -> Outcome<PathBuf> {
    let prefix = format!("{}_", package.name);
    let entries = fs::read_dir(folder).attempting(format_args!("list {}", folder.display()))?;
    entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(&prefix)))
        .ok_or_else(|| Failure::new(format!("apt-get download left no file for {}", package.name)))
}

fn unpack_into(archive: &Path, place: &Path, unpack: Unpack) -> Outcome {
    let partial = place.with_added_extension("partial");
    if partial.exists() {
        let doing = format_args!("clear {}", partial.display());
        fs::remove_dir_all(&partial).attempting(doing)?;
    }
    fs::create_dir_all(&partial).attempting(format_args!("make {}", partial.display()))?;
    let doing = format!("unpack {}", archive.display());
    match unpack {
        Unpack::Whole => {
            let mut dpkg = Command::new("dpkg-deb");
            command::capture(dpkg.arg("--extract").arg(archive).arg(&partial), &doing)?;
        }
        Unpack::Only(patterns) => {
            let mut dpkg = Command::new("dpkg-deb");
            dpkg.arg("--fsys-tarfile").arg(archive).stdout(Stdio::piped());
            let mut source = dpkg.spawn().attempting(&doing)?;
            let pipe =
                source.stdout.take().ok_or_else(|| Failure::new("dpkg-deb has no output"))?;
            let mut tar = Command::new("tar");
            tar.args(["--extract", "--wildcards", "--directory"]).arg(&partial).args(patterns);
            let status = tar.stdin(pipe).status().attempting(&doing)?;
            let sent = source.wait().attempting(&doing)?;
            if !status.success() || !sent.success() {
                return Err(Failure::new(format!("could not {doing}: tar {status}, dpkg {sent}")));
            }
        }
    }
    fs::rename(&partial, place).attempting(format_args!("name {}", place.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_with_an_epoch_gets_a_folder_without_a_colon() {
        let package = Package {
            name: "busybox-static".to_owned(),
            version: "1:1.35.0-4".to_owned(),
            depends: Vec::new(),
        };
        assert_eq!(folder(&package, Unpack::Whole), "busybox-static_1%3a1.35.0-4");
    }

    #[test]
    fn another_choice_of_files_gets_another_folder() {
        let package =
            Package { name: "a".to_owned(), version: "1".to_owned(), depends: Vec::new() };
        let folders =
            [&["./x"][..], &["./y"]].map(|patterns| folder(&package, Unpack::Only(patterns)));
        assert_ne!(folders[0], folders[1]);
    }

    #[test]
    fn a_list_about_other_packages_is_not_used() {
        let cache = std::env::temp_dir().join(format!("xtask-list-{}", std::process::id()));
        fs::create_dir_all(cache.join("a_1")).expect("a temporary folder");
        let list = cache.join("set.list");
        fs::write(&list, "a\na_1\n").expect("a temporary file");
        assert!(recall(&cache, &list, &["a"]).is_some());
        assert!(recall(&cache, &list, &["a", "b"]).is_none());
        fs::remove_dir(cache.join("a_1")).expect("it was empty");
        assert!(recall(&cache, &list, &["a"]).is_none());
        fs::remove_dir_all(&cache).expect("ours");
    }
}
