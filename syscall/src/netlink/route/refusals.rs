//! The core's refusals as rtnetlink's: the errno of [`crate::error`], and the text Linux
//! adds to some of them.

use warren_netns::error::{AddrError, LinkError, NeighbourError, RouteError};

use crate::errno::Errno;
use crate::netlink::ack::Refusal;

impl From<LinkError> for Refusal {
    fn from(error: LinkError) -> Self {
        let refusal = Self::new(Errno::from(error));
        match error {
            LinkError::MtuTooSmall => refusal.text("mtu less than device minimum"),
            LinkError::MtuTooLarge => refusal.text("mtu greater than device maximum"),
            LinkError::Loop => refusal.text("Can not enslave a bridge to a bridge"),
            _ => refusal,
        }
    }
}

impl From<AddrError> for Refusal {
    fn from(error: AddrError) -> Self {
        Self::new(Errno::from(error))
    }
}

impl From<NeighbourError> for Refusal {
    fn from(error: NeighbourError) -> Self {
        let refusal = Self::new(Errno::from(error));
        match error {
            NeighbourError::NoAddress => refusal.text("No link layer address given"),
            _ => refusal,
        }
    }
}

impl From<RouteError> for Refusal {
    fn from(error: RouteError) -> Self {
        let text = match error {
            RouteError::NoTable => "FIB table does not exist",
            RouteError::InvalidPrefixLength => "Invalid prefix length",
            RouteError::InvalidPrefix => "Invalid prefix for given prefix length",
            RouteError::InvalidScope => "Invalid scope",
            RouteError::RefusalWithNexthop => {
                "Gateway, device and multipath can not be specified for this route type"
            }
            RouteError::HostMultipath => "Route with host scope can not have multiple nexthops",
            RouteError::HostGateway => "Route with host scope can not have a gateway",
            RouteError::GatewayNotUnicast | RouteError::BadGateway => "Nexthop has invalid gateway",
            RouteError::OnlinkScope => "Nexthop has invalid scope",
            RouteError::OnlinkNeedsLink => "Nexthop device required for onlink",
            RouteError::OnlinkDown => "Nexthop device is not up",
            RouteError::OnlinkNeedsGateway => {
                "Invalid flags for nexthop - PERVASIVE and ONLINK can not be set"
            }
            RouteError::BadSource => "Invalid prefsrc address",
            RouteError::LinkDown => "Device for nexthop is not up",
            _ => return Self::new(Errno::from(error)),
        };
        Self::new(Errno::from(error)).text(text)
    }
}
