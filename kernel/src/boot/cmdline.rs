//! The kernel command line: `KERNEL [key=value | word]... [-- ARG...]`.
//!
//! What the kernel does not know is passed to init as Linux does: words before
//! `--` that hold an `=` become environment variables, all after it arguments.

use crate::prelude::*;

/// The command line, taken apart.
#[derive(Debug, Default, PartialEq, Eq)]
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
