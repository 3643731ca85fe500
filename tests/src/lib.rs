//! Warren: the simulation testbed and the scenarios that run on it.
#![forbid(unsafe_code)]
