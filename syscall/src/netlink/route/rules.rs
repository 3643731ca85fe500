//! `RTM_GETRULE`: the three rules every namespace begins with. There are no others yet:
//! `RTM_NEWRULE` is refused as a message nobody handles.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::Request;
use crate::errno::Errno;
use crate::netlink::abi::{AF_INET, AF_UNSPEC, RTM_NEWRULE};
use crate::netlink::ack::Refusal;
use crate::netlink::attr::Writer;
use crate::netlink::dump::{Dump, ListDump};

/// `struct fib_rule_hdr`, include/uapi/linux/fib_rules.h.
const FIXED: usize = 12;
const FRA_PRIORITY: u16 = 6;
const FRA_SUPPRESS_PREFIXLEN: u16 = 14;
const FRA_TABLE: u16 = 15;
const FRA_PROTOCOL: u16 = 21;
const FR_ACT_TO_TBL: u8 = 1;
const RTPROT_KERNEL: u8 = 2;

/// Table and priority of each (Linux: `fib_default_rules_init`).
const RULES: [(u8, u32); 3] = [(255, 0), (254, 32_766), (253, 32_767)];

/// The rules, for all families or IPv4.
///
/// # Errors
/// EAFNOSUPPORT for other families; in strict requests EINVAL for what is no filter.
pub(super) fn dump(request: &Request<'_>) -> Result<Box<dyn Dump>, Refusal> {
    if request.strict {
        let fixed: &[u8; FIXED] = request.fixed("Invalid header for fib rule dump request")?;
        if fixed[1..].iter().any(|byte| *byte != 0) {
            return Err(Refusal::invalid("Invalid values in header for fib rule dump request"));
        }
        if request.payload().len() > FIXED {
            return Err(Refusal::invalid("Invalid data after header in fib rule dump request"));
        }
    }
    if ![AF_UNSPEC, AF_INET].contains(&request.family()) {
        return Err(Errno::EAFNOSUPPORT.into());
    }
    let rules: Vec<_> = RULES.into();
    Ok(Box::new(ListDump::new(rules, RTM_NEWRULE, 0, 0, write as fn(&_, &mut Writer<'_>))))
}

fn write(&(table, priority): &(u8, u32), out: &mut Writer<'_>) {
    out.raw(&[AF_INET, 0, 0, 0, table, 0, 0, FR_ACT_TO_TBL, 0, 0, 0, 0]);
    out.u32(FRA_TABLE, u32::from(table));
    // No suppression: -1.
    out.u32(FRA_SUPPRESS_PREFIXLEN, u32::MAX);
    out.u8(FRA_PROTOCOL, RTPROT_KERNEL);
    if priority != 0 {
        out.u32(FRA_PRIORITY, priority);
    }
}
