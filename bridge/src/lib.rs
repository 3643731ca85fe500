//! Warren: bridge.
#![no_std]
#![forbid(unsafe_code)]
