//! The loopback: what is sent comes back, through a bounded queue and NAPI like any link.

use alloc::collections::VecDeque;
use alloc::sync::{Arc, Weak};

use spin::Once;
use warren_packet::Packet;
use warren_platform::lock::{self, Mutex};

use super::{HardwareType, Link, LinkFlags, LinkKind, MtuRange, TxVerdict};
use crate::cx::Cx;
use crate::drop_reason::DropReason;
use crate::error::LinkError;
use crate::ids::Mtu;
use crate::napi::{Napi, Poll};

/// Frames that may wait (Linux: `net.core.netdev_max_backlog`).
const QUEUE: usize = 1_000;

/// See the module. One per namespace, made with it.
#[derive(Debug, Default)]
pub struct Loopback {
    port: Once<Arc<Port>>,
}

#[derive(Debug)]
struct Port {
    link: Weak<Link>,
    queue: Mutex<lock::Queue, VecDeque<Packet>>,
    napi: Arc<Napi>,
}

impl LinkKind for Loopback {
    fn name(&self) -> Option<&'static str> {
        None
    }

    fn hardware(&self) -> HardwareType {
        HardwareType::Loopback
    }

    fn initial_flags(&self) -> LinkFlags {
        LinkFlags::LOOPBACK
    }

    fn mtu_range(&self) -> MtuRange {
        MtuRange { min: Mtu(0), max: Mtu(0) }
    }

    fn default_mtu(&self) -> Mtu {
        Mtu(65_536)
    }

    fn accepts_mac(&self) -> bool {
        false
    }

    fn carrier(&self, _link: &Arc<Link>) -> Option<bool> {
        None
    }

    fn movable(&self) -> bool {
        false
    }

    fn attached(&self, link: &Arc<Link>) {
        self.port.call_once(|| {
            Arc::new_cyclic(|port: &Weak<Port>| Port {
                link: Arc::downgrade(link),
                queue: Mutex::new(VecDeque::new()),
                napi: Napi::new(Napi::WEIGHT, port.clone()),
            })
        });
    }

    fn transmit(&self, _link: &Arc<Link>, mut frame: Packet, cx: &Cx<'_>) -> TxVerdict {
        let Some(port) = self.port.get() else {
            return TxVerdict::Dropped(DropReason::Dying);
        };
        frame.meta = frame.meta.scrub();
        {
            let mut queue = port.queue.lock();
            if queue.len() >= QUEUE || queue.try_reserve(1).is_err() {
                return TxVerdict::Full(frame);
            }
            queue.push_back(frame);
        }
        cx.stack.napi().schedule(&port.napi, cx.cpu);
        TxVerdict::Sent
    }

    fn open(&self, _link: &Arc<Link>, cx: &Cx<'_>) -> Result<(), LinkError> {
        if let Some(port) = self.port.get() {
            cx.stack.napi().enable(&port.napi, cx.cpu);
        }
        Ok(())
    }

    fn stop(&self, link: &Arc<Link>, cx: &Cx<'_>) {
        if let Some(port) = self.port.get() {
            cx.stack.napi().disable(&port.napi);
            let left = core::mem::take(&mut *port.queue.lock());
            for frame in left {
                drop(frame);
                link.stats.drop_rx(DropReason::LinkDown);
            }
        }
    }
}

impl Poll for Port {
    fn poll(&self, weight: usize, cx: &Cx<'_>) -> usize {
        let Some(link) = self.link.upgrade() else { return 0 };
        for done in 0..weight {
            let Some(frame) = self.queue.lock().pop_front() else { return done };
            link.receive(frame, cx);
        }
        weight
    }
}
