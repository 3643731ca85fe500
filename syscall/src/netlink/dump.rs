//! Dumps: everything of a sort, in as many datagrams as the reader's buffer asks for.

use alloc::sync::Arc;

use warren_netns::{Cx, Namespace};

use crate::netlink::ack::Refusal;
use crate::netlink::attr::Writer;
use crate::netlink::message::{Datagram, Fit, Reply};

/// A dump under way. It remembers how far it got; between two parts anything may change.
pub trait Dump: Send + core::fmt::Debug {
    /// Writes messages until `part` is full or there are no more. A part that stays empty
    /// is the end, as on Linux: that is why `NLMSG_DONE` travels alone.
    ///
    /// # Errors
    /// The dump ends with this in its `NLMSG_DONE`.
    fn fill(
        &mut self,
        part: &mut Part<'_>,
        ns: &Arc<Namespace>,
        cx: &Cx<'_>,
    ) -> Result<(), Refusal>;

    /// Flags of the `NLMSG_DONE` beside MULTI.
    fn done_flags(&self) -> u16 {
        0
    }
}

/// A datagram of a dump while it is filled.
#[derive(Debug)]
pub struct Part<'a> {
    datagram: &'a mut Datagram,
    reply: Reply,
}

impl<'a> Part<'a> {
    /// `reply` is the pattern of the messages: sequence, port and the flags all share.
    pub const fn new(datagram: &'a mut Datagram, reply: Reply) -> Self {
        Self { datagram, reply }
    }

    /// Adds a message, whole or not at all.
    pub fn message(&mut self, kind: u16, flags: u16, fill: impl FnOnce(&mut Writer<'_>)) -> Fit {
        let reply = Reply { kind, flags: self.reply.flags | flags, ..self.reply };
        self.datagram.message(&reply, fill)
    }

    /// Whether nothing has been written yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.datagram.is_empty()
    }
}

/// A dump of what was there when it began: messages are made from a list of snapshots.
#[derive(Debug)]
pub struct ListDump<T, F> {
    items: alloc::vec::IntoIter<T>,
    pending: Option<T>,
    kind: u16,
    flags: u16,
    done_flags: u16,
    write: F,
}

impl<T, F: Fn(&T, &mut Writer<'_>)> ListDump<T, F> {
    /// Dumps `items` as messages of `kind`, each written by `write`. `flags` mark the
    /// messages, `done_flags` the end.
    pub fn new(
        items: alloc::vec::Vec<T>,
        kind: u16,
        flags: u16,
        done_flags: u16,
        write: F,
    ) -> Self {
        Self { items: items.into_iter(), pending: None, kind, flags, done_flags, write }
    }
}

/// Lets closures be part of a dump that can be shown.
impl<T, F> Dump for ListDump<T, F>
where
    T: Send + core::fmt::Debug,
    F: Fn(&T, &mut Writer<'_>) + Send + core::fmt::Debug,
{
    fn fill(
        &mut self,
        part: &mut Part<'_>,
        _ns: &Arc<Namespace>,
        _cx: &Cx<'_>,
    ) -> Result<(), Refusal> {
        while let Some(item) = self.pending.take().or_else(|| self.items.next()) {
            let write = &self.write;
            if part.message(self.kind, self.flags, |out| write(&item, out)) == Fit::Full {
                self.pending = Some(item);
                break;
            }
        }
        Ok(())
    }

    fn done_flags(&self) -> u16 {
        self.done_flags
    }
}
