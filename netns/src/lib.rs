//! Warren: netns.
#![no_std]
#![forbid(unsafe_code)]
