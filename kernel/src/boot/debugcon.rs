//! The kernel's log: QEMU's debug console, port 0xe9.
//!
//! The serial console belongs to user space, so a script can use its output;
//! what the kernel has to say goes to a port of its own. Where no such device
//! exists the writes vanish, as the bus defines.

use core::fmt::{self, Write};

use ostd::arch::device::io_port::WriteOnlyAccess;
use ostd::io::IoPort;
use ostd::log::{Log, Record};
use ostd::sync::{LocalIrqDisabled, SpinLock};

const DEBUGCON_PORT: u16 = 0xe9;

struct Debugcon {
    port: SpinLock<Option<IoPort<u8, WriteOnlyAccess>>, LocalIrqDisabled>,
}

static DEBUGCON: Debugcon = Debugcon { port: SpinLock::new(None) };

/// A writer that turns formatted text into port writes.
struct PortWriter<'a>(&'a IoPort<u8, WriteOnlyAccess>);

impl Write for PortWriter<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.bytes().for_each(|byte| self.0.write(byte));
        Ok(())
    }
}

impl Log for Debugcon {
    fn log(&self, record: &Record<'_>) {
        if let Some(port) = self.port.lock().as_ref() {
            // The port accepts everything, so formatting cannot fail.
            let _: fmt::Result = writeln!(
                PortWriter(port),
                "[{:?}] {}: {}{}",
                crate::time::now(),
                record.level(),
                record.prefix(),
                record.args()
            );
        }
    }
}

/// Writes without waiting for anybody, as far as that is possible: for the panic handler.
pub(super) fn write_now(args: fmt::Arguments<'_>) {
    if let Some(port) = DEBUGCON.port.try_lock()
        && let Some(port) = port.as_ref()
    {
        // The port accepts everything, so formatting cannot fail.
        let _: fmt::Result = writeln!(PortWriter(port), "{args}");
    }
}

/// Takes the port and becomes OSTD's logger.
pub(super) fn init() {
    *DEBUGCON.port.lock() = IoPort::acquire(DEBUGCON_PORT).ok();
    ostd::log::inject_logger(&DEBUGCON);
}
