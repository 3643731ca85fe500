//! Warren: virtio.
#![no_std]
