//! Refusals and acknowledgements: `NLMSG_ERROR` with the extended ACK of Linux
//! (net/netlink/af_netlink.c, `netlink_ack`).

use crate::errno::Errno;
use crate::netlink::abi::{NLM_F_ACK_TLVS, NLM_F_CAPPED, NLMSG_ERROR};
use crate::netlink::attr::Attr;
use crate::netlink::message::{Datagram, HEADER, Header, Reply};

/// `NLMSGERR_ATTR_MSG`: the text iproute2 prints after `Error: `.
const ATTR_MSG: u16 = 1;
/// `NLMSGERR_ATTR_OFFS`: where the attribute at fault begins in the request.
const ATTR_OFFS: u16 = 2;

/// Why a request was refused: an errno, and for those who asked (`NETLINK_EXT_ACK`) a text
/// and the place of the attribute at fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub struct Refusal {
    /// The error number.
    pub errno: Errno,
    /// Linux's text for it, where Linux has one.
    pub text: Option<&'static str>,
    /// Offset of the attribute at fault, from the message header.
    pub offset: Option<usize>,
}

impl Refusal {
    /// Without a text.
    pub const fn new(errno: Errno) -> Self {
        Self { errno, text: None, offset: None }
    }

    /// EINVAL with a text, the most frequent one.
    pub const fn invalid(text: &'static str) -> Self {
        Self::new(Errno::EINVAL).text(text)
    }

    /// With a text.
    pub const fn text(self, text: &'static str) -> Self {
        Self { text: Some(text), ..self }
    }

    /// Because of this attribute.
    pub const fn at(self, attr: &Attr<'_>) -> Self {
        Self { offset: Some(attr.offset), ..self }
    }
}

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Self {
        Self::new(errno)
    }
}

/// What the asking socket wants acknowledgements to look like.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct AckStyle {
    /// `NETLINK_CAP_ACK`: do not echo the request's payload.
    pub capped: bool,
    /// `NETLINK_EXT_ACK`: texts and offsets.
    pub extended: bool,
}

/// The answer to `request` (a whole message): `result` is why it was refused, or success.
pub fn acknowledge(
    request: &[u8],
    header: &Header,
    port: u32,
    result: Result<(), Refusal>,
    style: AckStyle,
) -> Option<Datagram> {
    let (error, text, offset) = match result {
        Ok(()) => (0, None, None),
        Err(refusal) => (-refusal.errno.get(), refusal.text, refusal.offset),
    };
    let mut flags = 0;
    // The request's payload is echoed with an error, never with success.
    let echo = if error == 0 || style.capped {
        flags |= NLM_F_CAPPED;
        &request[..HEADER]
    } else {
        request
    };
    let tlvs = style.extended && (text.is_some() || offset.is_some());
    if tlvs {
        flags |= NLM_F_ACK_TLVS;
    }
    let reply = Reply { kind: NLMSG_ERROR, flags, sequence: header.sequence, port };
    Datagram::single(&reply, |out| {
        // One fixed part: the errno and the echo are padded together.
        let mut fixed = alloc::vec::Vec::with_capacity(4 + echo.len());
        fixed.extend_from_slice(&error.to_le_bytes());
        fixed.extend_from_slice(echo);
        out.raw(&fixed);
        if tlvs {
            if let Some(text) = text {
                out.text(ATTR_MSG, text.as_bytes());
            }
            if let Some(offset) = offset.and_then(|offset| u32::try_from(offset).ok()) {
                out.u32(ATTR_OFFS, offset);
            }
        }
    })
}
