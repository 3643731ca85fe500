//! `RTM_*NEIGH`: who is where on the link.

pub(in crate::netlink) mod abi;
