//! Data path from L3 into the sockets: which kind of socket a packet or an ICMP error is
//! for.

use alloc::sync::Arc;

use warren_packet::Packet;

use super::base::SocketId;
use super::deliver::{Delivery, IcmpError, Quoted, RxInfo, protocol};
use super::table::SocketTable;
use super::{ping, raw, tcp, udp};
use crate::cx::Cx;
use crate::namespace::Namespace;

impl SocketTable {
    /// Takes a whole IP packet addressed to `ns` (fragments put together), its head at the
    /// IP header. Raw sockets get copies of everything; an ICMP packet comes back as
    /// [`Delivery::NoSocket`] unless it is a reply somebody waited for, and L3 goes on
    /// with it.
    pub fn deliver(
        &self,
        ns: &Arc<Namespace>,
        packet: Packet,
        info: &RxInfo,
        cx: &Cx<'_>,
    ) -> Delivery {
        let heard = raw::deliver(ns, &packet, info, cx);
        match info.protocol {
            protocol::UDP => udp::deliver(ns, packet, info, cx),
            protocol::TCP => {
                tcp::deliver(ns, packet, info, cx);
                Delivery::Taken
            }
            protocol::ICMP => match ping::deliver(ns, packet, info, cx) {
                None => Delivery::Taken,
                Some(packet) => Delivery::NoSocket(packet),
            },
            _ if heard => Delivery::Taken,
            _ => Delivery::NoSocket(packet),
        }
    }

    /// Takes an ICMP error about a packet that `ns` sent.
    pub fn icmp_error(
        &self,
        ns: &Arc<Namespace>,
        quoted: &Quoted<'_>,
        error: &IcmpError,
        cx: &Cx<'_>,
    ) {
        raw::icmp_error(ns, quoted, error);
        match quoted.protocol {
            protocol::UDP => udp::icmp_error(ns, quoted, error),
            protocol::TCP => tcp::icmp_error(ns, quoted, error, cx),
            protocol::ICMP => ping::icmp_error(ns, quoted, error),
            _ => {}
        }
    }

    /// A socket's deadline is due.
    pub(crate) fn on_deadline(&self, ns: &Arc<Namespace>, id: u64, cx: &Cx<'_>) {
        tcp::on_deadline(ns, SocketId(id), cx);
    }

    /// The namespace goes: everything that lingers in its tables goes with it. No process
    /// has a socket of it any more.
    pub(crate) fn purge(&self) {
        let left = {
            let mut demux = self.demux.write();
            let tcp = demux.tcp.take_all();
            (tcp, demux.udp.take_all(), demux.ping.take_all(), demux.raw.take_all())
        };
        left.0.end();
        drop(left);
        self.run_queue.clear();
    }
}
