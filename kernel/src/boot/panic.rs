//! What happens when the kernel finds itself broken: say so on the serial console and
//! in the log, and leave QEMU with the failure status (65).

use core::panic::PanicInfo;
use core::sync::atomic::{AtomicBool, Ordering};

use ostd::power::{ExitCode, poweroff};

static PANICKING: AtomicBool = AtomicBool::new(false);

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let _no_interrupts = ostd::irq::disable_local();
    if !PANICKING.swap(true, Ordering::SeqCst) {
        ostd::early_println!("Kernel panic: {}", info);
        ostd::panic::print_stack_trace();
    }
    poweroff(ExitCode::Failure)
}
