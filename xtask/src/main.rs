//! `cargo xtask`: build, run and test Warren.
#![forbid(unsafe_code)]
fn main() {}
