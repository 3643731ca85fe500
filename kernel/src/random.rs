//! Randomness: one ChaCha20 generator, seeded at boot from the processor.

use core::arch::x86_64::{__cpuid, _rdrand64_step};

use ostd::sync::{LocalIrqDisabled, SpinLock};
use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore, SeedableRng};
use spin::Once;

static GENERATOR: Once<SpinLock<ChaCha20Rng, LocalIrqDisabled>> = Once::new();

/// Fills `buffer` with bytes nobody can predict from those given out before.
pub fn fill(buffer: &mut [u8]) {
    let generator = GENERATOR.call_once(|| SpinLock::new(ChaCha20Rng::from_seed(seed())));
    // In pieces, so that interrupts are never off for long.
    for piece in buffer.chunks_mut(256) {
        generator.lock().fill_bytes(piece);
    }
}

fn seed() -> [u8; 32] {
    let mut seed = [0; 32];
    let (words, _) = seed.as_chunks_mut::<8>();
    for word in words {
        *word = hardware_word().to_le_bytes();
    }
    seed
}

/// A word from RDRAND; the time-stamp counter, stirred, where there is none (QEMU's small
/// processor models).
fn hardware_word() -> u64 {
    // CPUID.01H:ECX bit 30, Intel SDM volume 2A.
    if __cpuid(1).ecx & (1 << 30) != 0 {
        // The manual's advice: ten tries, then give up.
        for _ in 0..10 {
            let mut word = 0;
            // SAFETY: the processor says that it has the instruction.
            if unsafe { rdrand(&mut word) } {
                return word;
            }
        }
    }
    ostd::arch::read_tsc().wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32)
}

/// # Safety
/// The processor must have RDRAND.
#[target_feature(enable = "rdrand")]
unsafe fn rdrand(word: &mut u64) -> bool {
    _rdrand64_step(word) == 1
}
