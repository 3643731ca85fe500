//! Data path of a pair: what one end sends is moved to the other end's queue, and the
//! other end's NAPI instance hands it up.
//!
//! No lock is held while a frame is handed on; nothing here allocates but the queue's own
//! bounded growth.

use alloc::sync::{Arc, Weak};

use spin::Once;
use warren_netns::link::datapath::ETHERNET_HEADER;
use warren_netns::link::{LinkFlags, TxVerdict};
use warren_netns::napi::{Napi, Poll};
use warren_netns::{Cx, DropReason, Link};
use warren_packet::Packet;
use warren_platform::lock::{self, Mutex};

use crate::queue::{FrameQueue, Refused};

/// Bytes of a VLAN tag, allowed on top of the MTU (Linux: `is_skb_forwardable`).
const VLAN_TAG: usize = 4;

/// One end: its link, what waits to be received by it, and who polls that.
#[derive(Debug)]
pub(crate) struct End {
    /// Set once, when the link is registered.
    link: Once<Weak<Link>>,
    queue: Mutex<lock::Queue, FrameQueue>,
    napi: Arc<Napi>,
}

impl End {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new_cyclic(|end: &Weak<Self>| Self {
            link: Once::new(),
            queue: Mutex::default(),
            napi: Napi::new(Napi::WEIGHT, end.clone()),
        })
    }

    pub(crate) fn set_link(&self, link: &Arc<Link>) {
        self.link.call_once(|| Arc::downgrade(link));
    }

    pub(crate) fn link(&self) -> Option<Arc<Link>> {
        self.link.get()?.upgrade()
    }

    pub(crate) fn is_up(&self) -> bool {
        self.link().is_some_and(|link| link.flags().contains(LinkFlags::UP))
    }

    /// Takes frames from now on.
    pub(crate) fn open(&self, cx: &Cx<'_>) {
        self.queue.lock().open();
        cx.stack.napi().enable(&self.napi, cx.cpu);
    }

    /// Hands up no frame after this returns; what waited is dropped and counted.
    pub(crate) fn stop(&self, link: &Link, cx: &Cx<'_>) {
        let left = self.queue.lock().shut();
        cx.stack.napi().disable(&self.napi);
        for frame in left {
            drop(frame);
            link.stats.drop_rx(DropReason::LinkDown);
        }
    }

    /// Moves a frame `sender` sends to this end.
    pub(crate) fn take(&self, mut frame: Packet, sender: &Link, cx: &Cx<'_>) -> TxVerdict {
        let Some(receiver) = self.link() else { return TxVerdict::Dropped(DropReason::NoCarrier) };
        let longest = receiver.mtu().0 as usize + ETHERNET_HEADER + VLAN_TAG;
        if frame.len() > longest && frame.meta.gso.is_none() {
            // Linux counts it at both ends (__dev_forward_skb, veth_xmit).
            receiver.stats.drop_rx(DropReason::FrameLength);
            return TxVerdict::Dropped(DropReason::FrameLength);
        }
        let sent_as = frame.meta;
        frame.meta.priority = 0;
        if sender.ns_id() != receiver.ns_id() {
            frame.meta = frame.meta.scrub();
        }
        let pushed = self.queue.lock().push(frame);
        match pushed {
            Ok(()) => {
                cx.stack.napi().schedule(&self.napi, cx.cpu);
                TxVerdict::Sent
            }
            Err(Refused::Full(mut frame)) => {
                frame.meta = sent_as;
                TxVerdict::Full(frame)
            }
            Err(Refused::Shut(frame)) => {
                drop(frame);
                receiver.stats.drop_rx(DropReason::LinkDown);
                TxVerdict::Dropped(DropReason::NoCarrier)
            }
        }
    }
}

impl Poll for End {
    fn poll(&self, weight: usize, cx: &Cx<'_>) -> usize {
        let Some(link) = self.link() else { return 0 };
        for done in 0..weight {
            let Some(frame) = self.queue.lock().pop() else { return done };
            link.receive(frame, cx);
        }
        weight
    }
}
