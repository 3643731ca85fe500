//! The settings of a namespace under /proc/sys/net.
//!
//! Those of IPv4 itself are the core's; [`DoorSysctls`] keeps the few that decide who may do
//! what at this door.

mod door;

pub use door::DoorSysctls;
