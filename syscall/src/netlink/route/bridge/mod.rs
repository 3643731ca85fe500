//! `AF_BRIDGE`: ports of bridges as their bridges see them ([`ports`]), and the forwarding
//! databases ([`fdb`]). What the `bridge` tool asks.

pub(super) mod fdb;
mod ports;

pub(super) use ports::{dump as dump_ports, set as set_port};
