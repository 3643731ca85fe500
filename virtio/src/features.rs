//! Feature negotiation, as a function of what is offered and what is wanted.

bitflags::bitflags! {
    /// Feature bits a network driver may care about (5.1.3, and 6 for the reserved ones).
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct Features: u64 {
        /// The device completes checksums.
        const CSUM = 1 << 0;
        /// The driver takes frames whose checksum is not complete.
        const GUEST_CSUM = 1 << 1;
        /// The device tells its MTU.
        const MTU = 1 << 3;
        /// The device tells its address.
        const MAC = 1 << 5;
        /// The driver takes TCP super-segments over IPv4.
        const GUEST_TSO4 = 1 << 7;
        /// The driver takes TCP super-segments over IPv6.
        const GUEST_TSO6 = 1 << 8;
        /// The device cuts TCP super-segments over IPv4.
        const HOST_TSO4 = 1 << 11;
        /// The device cuts TCP super-segments over IPv6.
        const HOST_TSO6 = 1 << 12;
        /// A frame may be spread over several receive buffers.
        const MRG_RXBUF = 1 << 15;
        /// The device tells whether it has a link.
        const STATUS = 1 << 16;
        /// There is a control queue.
        const CTRL_VQ = 1 << 17;
        /// What to receive is set through the control queue.
        const CTRL_RX = 1 << 18;
        /// There are several pairs of queues.
        const MQ = 1 << 22;
        /// The address is set through the control queue.
        const CTRL_MAC_ADDR = 1 << 23;
        /// Descriptors may point to tables of descriptors.
        const INDIRECT_DESC = 1 << 28;
        /// Notifications are suppressed up to an index rather than altogether.
        const EVENT_IDX = 1 << 29;
        /// The device follows version 1 of the specification.
        const VERSION_1 = 1 << 32;
        /// The device reaches memory the way the platform says, through an IOMMU perhaps.
        const ACCESS_PLATFORM = 1 << 33;
    }
}

/// `(feature, what it needs)` (5.1.3.1). A feature comes after what it needs.
const NEEDS: [(Features, Features); 7] = [
    (Features::GUEST_TSO4, Features::GUEST_CSUM),
    (Features::GUEST_TSO6, Features::GUEST_CSUM),
    (Features::HOST_TSO4, Features::CSUM),
    (Features::HOST_TSO6, Features::CSUM),
    (Features::CTRL_RX, Features::CTRL_VQ),
    (Features::MQ, Features::CTRL_VQ),
    (Features::CTRL_MAC_ADDR, Features::CTRL_VQ),
];

/// The longest received frame without super-segments: an Ethernet frame of MTU 1500 with a
/// VLAN tag.
const FRAME: usize = 1_500 + 18;
/// The longest with them: 65 535 bytes of IP behind an Ethernet header and a VLAN tag.
const SUPER_SEGMENT: usize = 65_535 + 18;

/// The device cannot be driven.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Unusable {
    /// It predates version 1 of the specification.
    Legacy,
    /// It insists on an address translation the driver does not do.
    AccessPlatform,
}

/// The features to accept: those both offered and wanted, without any whose needs are not
/// met.
///
/// # Errors
/// [`Unusable`] if the device's terms cannot be met at all.
pub fn negotiate(offered: Features, wanted: Features) -> Result<Features, Unusable> {
    if !offered.contains(Features::VERSION_1) {
        return Err(Unusable::Legacy);
    }
    // 6.1: a driver must accept it where offered.
    if offered.contains(Features::ACCESS_PLATFORM) && !wanted.contains(Features::ACCESS_PLATFORM) {
        return Err(Unusable::AccessPlatform);
    }
    let mut accepted = offered & (wanted | Features::VERSION_1);
    for (feature, needs) in NEEDS {
        if !accepted.contains(needs) {
            accepted.remove(feature);
        }
    }
    Ok(accepted)
}

/// Bytes a receive buffer must have room for, the header included (5.1.6.3.1).
#[must_use]
pub fn receive_buffer_len(accepted: Features) -> usize {
    let may_be_super = accepted.intersects(Features::GUEST_TSO4 | Features::GUEST_TSO6);
    let spread = accepted.contains(Features::MRG_RXBUF);
    let frame = if may_be_super && !spread { SUPER_SEGMENT } else { FRAME };
    crate::header::LEN + frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_accepted_is_offered_and_wanted() {
        let offered = Features::VERSION_1 | Features::MAC | Features::CSUM | Features::STATUS;
        let wanted = Features::MAC | Features::CSUM | Features::MTU;
        let accepted = Features::VERSION_1 | Features::MAC | Features::CSUM;
        assert_eq!(negotiate(offered, wanted), Ok(accepted));
    }

    #[test]
    fn a_feature_falls_with_what_it_needs() {
        let offered = Features::all();
        for (feature, needs) in NEEDS {
            let wanted = Features::all() - needs;
            let accepted = negotiate(offered, wanted).expect("a usable device");
            assert!(!accepted.intersects(feature | needs), "{feature:?}");
            let accepted = negotiate(offered, Features::all()).expect("a usable device");
            assert!(accepted.contains(feature), "{feature:?}");
        }
    }

    #[test]
    fn a_device_whose_terms_cannot_be_met_is_not_driven() {
        assert_eq!(negotiate(Features::MAC, Features::all()), Err(Unusable::Legacy));
        let offered = Features::VERSION_1 | Features::ACCESS_PLATFORM;
        assert_eq!(negotiate(offered, Features::MAC), Err(Unusable::AccessPlatform));
        assert_eq!(negotiate(offered, Features::ACCESS_PLATFORM), Ok(offered));
    }

    #[test]
    fn unknown_features_are_never_accepted() {
        let offered = Features::from_bits_retain(u64::MAX) - Features::ACCESS_PLATFORM;
        let accepted = negotiate(offered, Features::MAC).expect("a usable device");
        assert_eq!(accepted, Features::MAC | Features::VERSION_1);
    }

    #[test]
    fn super_segments_need_large_buffers_unless_spread() {
        let plain = receive_buffer_len(Features::VERSION_1);
        assert_eq!(plain, 1_530);
        assert_eq!(receive_buffer_len(Features::GUEST_TSO4), 65_565);
        assert_eq!(receive_buffer_len(Features::GUEST_TSO4 | Features::MRG_RXBUF), plain);
    }
}
