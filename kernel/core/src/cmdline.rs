//! The kernel command line: `KERNEL [key=value | word]... [-- ARG...]`.
//!
//! What the kernel does not know is passed to init as Linux does: words before
//! `--` that hold an `=` become environment variables, all after it arguments.

use alloc::string::String;
use alloc::vec::Vec;

/// The command line, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cmdline {
    /// `init=`: the program to run as process 1.
    pub init: Option<String>,
    /// `loglevel=`: how much the kernel logs, 0 to 7 as in syslog(2).
    pub log_level: Option<u8>,
    /// What follows `--`.
    pub init_args: Vec<String>,
    /// Unknown `key=value` words.
    pub init_env: Vec<String>,
}

impl Cmdline {
    /// Parses what the boot loader handed over. Double quotes keep spaces, as Linux's do.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut cmdline = Self::default();
        let mut words = split_quoted(text).into_iter();
        for word in words.by_ref() {
            if word == "--" {
                break;
            }
            match word.split_once('=') {
                Some(("init", path)) => cmdline.init = Some(path.into()),
                Some(("loglevel", level)) => cmdline.log_level = level.parse().ok(),
                Some(_) => cmdline.init_env.push(word),
                None => {}
            }
        }
        cmdline.init_args = words.collect();
        cmdline
    }
}

/// Splits at white space outside of double quotes, and drops the quotes.
fn split_quoted(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = None::<String>;
    let mut quoted = false;
    for character in text.chars() {
        match character {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            space if space.is_ascii_whitespace() && !quoted => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_after_two_dashes_go_to_init() {
        let cmdline = Cmdline::parse("/boot/k init=/bin/sh loglevel=7 -- -c \"echo a  b\" init=x");
        assert_eq!(cmdline.init.as_deref(), Some("/bin/sh"));
        assert_eq!(cmdline.log_level, Some(7));
        assert_eq!(cmdline.init_args, ["-c", "echo a  b", "init=x"]);
        assert!(cmdline.init_env.is_empty());
    }

    #[test]
    fn unknown_settings_become_the_environment_and_other_words_vanish() {
        let cmdline = Cmdline::parse("quiet TERM=vt100 \"A=b c\"");
        assert_eq!(cmdline.init_env, ["TERM=vt100", "A=b c"]);
        assert_eq!(cmdline.init, None);
    }

    #[test]
    fn an_empty_quoted_word_is_a_word() {
        assert_eq!(Cmdline::parse("-- a \"\" b").init_args, ["a", "", "b"]);
    }
}
