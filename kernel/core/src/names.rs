//! How a path name splits into components (path_resolution(7)).
//!
//! A path is bytes without a NUL. Slashes separate, runs of slashes count as one, and
//! slashes at the end say that the last component must be a directory.

/// Longest component, in bytes (include/uapi/linux/limits.h).
pub const NAME_MAX: usize = 255;
/// Longest path, with the closing NUL.
pub const PATH_MAX: usize = 4096;
/// How many symbolic links one resolution follows (include/linux/namei.h MAXSYMLINKS).
pub const MAX_SYMLINKS: usize = 40;

/// One step of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component<'a> {
    /// `.`
    Here,
    /// `..`
    Parent,
    /// Any other name.
    Name(&'a [u8]),
}

impl<'a> Component<'a> {
    /// Classifies one non-empty name.
    #[must_use]
    pub fn of(name: &'a [u8]) -> Self {
        match name {
            b"." => Self::Here,
            b".." => Self::Parent,
            name => Self::Name(name),
        }
    }
}

/// What is left of a path after its first component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step<'a> {
    /// The component to take now.
    pub component: Component<'a>,
    /// The bytes after it, without leading slashes.
    pub rest: &'a [u8],
    /// Whether at least one slash followed the component.
    pub slash: bool,
}

/// Takes the first component of `path`, or nothing if only slashes are left.
#[must_use]
pub fn step(path: &[u8]) -> Option<Step<'_>> {
    let path = trim_slashes(path);
    if path.is_empty() {
        return None;
    }
    let end = path.iter().position(|byte| *byte == b'/').unwrap_or(path.len());
    let (name, after) = path.split_at(end);
    let rest = trim_slashes(after);
    Some(Step { component: Component::of(name), rest, slash: !after.is_empty() })
}

fn trim_slashes(path: &[u8]) -> &[u8] {
    let slashes = path.iter().take_while(|byte| **byte == b'/').count();
    &path[slashes..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn walk(mut path: &[u8]) -> (Vec<Component<'_>>, bool) {
        let mut seen = Vec::new();
        let mut slash = false;
        while let Some(next) = step(path) {
            seen.push(next.component);
            (path, slash) = (next.rest, next.slash);
        }
        (seen, slash)
    }

    #[test]
    fn runs_of_slashes_count_as_one() {
        let (seen, slash) = walk(b"//usr///bin/sh");
        assert_eq!(seen, [b"usr".as_slice(), b"bin", b"sh"].map(Component::Name));
        assert!(!slash);
    }

    #[test]
    fn a_trailing_slash_is_reported_with_the_last_component() {
        assert_eq!(walk(b"a/"), ([Component::Name(b"a")].to_vec(), true));
        assert_eq!(walk(b"a/."), ([Component::Name(b"a"), Component::Here].to_vec(), false));
    }

    #[test]
    fn dots_are_steps_of_their_own_and_three_dots_are_a_name() {
        let (seen, _) = walk(b"./../...");
        assert_eq!(seen, [Component::Here, Component::Parent, Component::Name(b"...")]);
    }

    #[test]
    fn only_slashes_hold_no_component() {
        assert_eq!(step(b"///"), None);
        assert_eq!(step(b""), None);
    }
}
