//! Warren: veth.
#![no_std]
#![forbid(unsafe_code)]
