//! The serial console: COM1, as OSTD drives its registers, and interrupt 4.
//!
//! The interrupt handler only moves bytes into a small queue; a task gives them to the
//! line discipline, which may allocate and send signals.

use alloc::collections::VecDeque;

use ostd::arch::irq::{IRQ_CHIP, MappedIrqLine};
use ostd::arch::serial::SERIAL_PORT;
use ostd::irq::IrqLine;
use ostd::sync::{LocalIrqDisabled, SpinLock};
use spin::Once;

use super::tty::{Tty, Wire};
use crate::prelude::*;
use crate::sched::spawn_kernel;
use crate::sync::WaitQueue;

/// The interrupt of COM1.
const IRQ: u8 = 4;
/// How many bytes may wait for the task; more are lost, as on a real line.
const QUEUE: usize = 4096;

static RECEIVED: SpinLock<VecDeque<u8>, LocalIrqDisabled> = SpinLock::new(VecDeque::new());
static ARRIVED: WaitQueue = WaitQueue::new();
static CONSOLE: Once<Arc<Tty>> = Once::new();
/// Keeps the interrupt connected for as long as the system runs.
static LINE: Once<MappedIrqLine> = Once::new();

/// The way to the terminal at the other end.
struct SerialWire;

impl Wire for SerialWire {
    fn send(&self, bytes: &[u8]) {
        let Some(port) = SERIAL_PORT.get() else { return };
        // In pieces, so that interrupts are never off for long.
        for piece in bytes.chunks(16) {
            let mut port = port.lock();
            for byte in piece {
                port.send(*byte);
            }
        }
    }
}

/// Connects the console. Called once, when tasks can run.
pub fn init() {
    RECEIVED.lock().reserve(QUEUE);
    CONSOLE.call_once(|| Tty::new(crate::fs::stat::Device::new(4, 64), Box::new(SerialWire)));
    match connect() {
        Ok(line) => {
            LINE.call_once(|| line);
        }
        Err(error) => log::error!("the console cannot be read: {error:?}"),
    }
    spawn_kernel("console", None, deliver);
    // A byte that came before the handler was there would keep the line silent.
    on_interrupt();
}

fn connect() -> core::result::Result<MappedIrqLine, ostd::Error> {
    let mut line = IrqLine::alloc()?;
    line.on_active(|_| on_interrupt());
    let chip = IRQ_CHIP.get().ok_or(ostd::Error::NotEnoughResources)?;
    chip.map_isa_pin_to(line, IRQ)
}

fn on_interrupt() {
    let Some(port) = SERIAL_PORT.get() else { return };
    let mut arrived = false;
    while let Some(byte) = port.lock().recv() {
        let mut received = RECEIVED.lock();
        if received.len() < QUEUE {
            received.push_back(byte);
        }
        arrived = true;
    }
    if arrived {
        ARRIVED.wake_one();
    }
}

/// The task that hands received bytes to the line discipline.
fn deliver() {
    let Some(console) = CONSOLE.get() else { return };
    loop {
        let bytes: Vec<u8> = ARRIVED.wait_uninterruptible(|| {
            let mut received = RECEIVED.lock();
            (!received.is_empty()).then(|| received.drain(..).collect())
        });
        console.receive(&bytes);
    }
}

/// The console's terminal.
///
/// # Errors
/// `ENXIO` before [`init`].
pub(super) fn console() -> Result<Arc<Tty>> {
    CONSOLE.get().cloned().ok_or(Errno::ENXIO)
}
