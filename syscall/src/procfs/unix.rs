//! /proc/net/unix, netlink, packet.

use alloc::sync::Arc;

use warren_netns::{Cx, Namespace};

use crate::errno::Errno;
use crate::text::{Text, put};
use crate::unix::{UnixState, UnixTable};

/// `__SO_ACCEPTCON` (include/linux/net.h).
const ACCEPTING: u32 = 1 << 16;

/// `unix_seq_show`. Kernel addresses are hidden, as Linux hides them from most.
pub(super) fn unix(text: &mut Text, ns: &Arc<Namespace>, _cx: &Cx<'_>) -> Result<(), Errno> {
    text.add("Num       RefCount Protocol Flags    Type St Inode Path\n");
    for socket in ns.extensions.get::<UnixTable>().sockets() {
        let (flags, state) = match socket.shown_state() {
            UnixState::Listening => (ACCEPTING, 1),
            UnixState::Unconnected => (0, 1),
            UnixState::Connected => (0, 3),
        };
        let (kind, inode) = (socket.kind().number(), socket.inode());
        put!(text, "{:016x}: {:08X} {:08X} {flags:08X} {kind:04X} {state:02X} {inode:5}", 0, 2, 0);
        if let Some(name) = socket.name() {
            text.add(" ");
            text.bytes(&name.shown());
        }
        text.add("\n");
    }
    Ok(())
}

/// `packet_seq_show`: there are no packet sockets.
pub(super) fn packet(text: &mut Text, _ns: &Arc<Namespace>, _cx: &Cx<'_>) -> Result<(), Errno> {
    text.add("sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n");
    Ok(())
}
