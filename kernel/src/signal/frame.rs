//! The frame a signal handler runs on, and the way back: `struct rt_sigframe`
//! (arch/x86/include/asm/sigframe.h) and rt_sigreturn(2).
//!
//! From low to high addresses: the return address, `ucontext`, `siginfo`, and, aligned to
//! 64 bytes, the floating point state in the processor's own XSAVE format.

use linux_raw_sys::general as uapi;
use ostd::arch::cpu::context::{FpuContext, UserContext};

use super::info::SIGINFO_LEN;
use super::{Action, AltStack, Disposition, SigInfo, SignalSet};
use crate::mm::{USER_END, user};
use crate::prelude::*;
use crate::process::Thread;

/// Leaf functions use this much below the stack pointer (System V ABI, 3.2.2).
const RED_ZONE: usize = 128;
const FPU_ALIGN: usize = 64;
/// `UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS`.
const CONTEXT_FLAGS: u64 = 7;

// Offsets in the frame, which starts with the return address.
const CONTEXT: usize = 8;
const ALT_STACK: usize = CONTEXT + 16;
const REGISTERS: usize = CONTEXT + 40;
const SEGMENTS: usize = REGISTERS + 144;
const FPU_POINTER: usize = REGISTERS + 184;
const MASK: usize = REGISTERS + 256;
const INFO: usize = MASK + 8;
const FRAME_LEN: usize = INFO + SIGINFO_LEN;

// Offsets in the floating point state (Intel SDM volume 1, 13.4).
const MXCSR: usize = 24;
const MXCSR_MASK: usize = 28;
/// Bytes 464 to 511 belong to software: Linux says there how long the state is.
const SOFTWARE: usize = 464;
const XSTATE_BV: usize = 512;
const XCOMP_BV: usize = 520;
const XSAVE_HEADER_END: usize = 576;
const FP_XSTATE_MAGIC1: u32 = 0x4650_5853;
const FP_XSTATE_MAGIC2: u32 = 0x4650_5845;

/// The user code and data segments: 64-bit, privilege level 3.
const USER_CS: u16 = 0x33;
const USER_SS: u16 = 0x2b;

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

fn word(bytes: &[u8], at: usize) -> usize {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    usize::from_le_bytes(word)
}

/// Puts a frame for `action`'s handler on the user's stack and points the registers at it.
///
/// # Errors
/// `EFAULT` if there is no room or no way back.
pub(super) fn push(
    thread: &Arc<Thread>,
    context: &mut UserContext,
    info: &SigInfo,
    action: &Action,
) -> Result<()> {
    let Disposition::Handler(handler) = action.disposition else { return Err(Errno::EFAULT) };
    // The processor refuses to return to an address beyond user memory, in the kernel.
    if !action.has(uapi::SA_RESTORER) || handler >= USER_END {
        return Err(Errno::EFAULT);
    }
    let (previous_mask, alt_stack) = {
        let own = thread.signals.lock();
        (own.saved_mask.unwrap_or(own.mask), own.alt_stack)
    };
    let fpu = saved_fpu();
    let stack = stack_for(context.rsp(), action, &alt_stack)?;
    let fpu_at = stack.checked_sub(fpu.len()).ok_or(Errno::EFAULT)? & !(FPU_ALIGN - 1);
    let frame_at = (fpu_at.checked_sub(FRAME_LEN).ok_or(Errno::EFAULT)? & !15)
        .checked_sub(8)
        .ok_or(Errno::EFAULT)?;
    let mut frame = Box::new([0_u8; FRAME_LEN]);
    put(&mut *frame, 0, &action.restorer.to_le_bytes());
    put(&mut *frame, CONTEXT, &CONTEXT_FLAGS.to_le_bytes());
    put(&mut *frame, ALT_STACK, &alt_stack_bytes(&alt_stack, context.rsp()));
    put_registers(&mut *frame, context);
    put(&mut *frame, FPU_POINTER, &fpu_at.to_le_bytes());
    put(&mut *frame, MASK, &previous_mask.bits().to_le_bytes());
    put(&mut *frame, INFO, &info.to_bytes());
    user::write_bytes(fpu_at, &fpu)?;
    user::write_bytes(frame_at, &*frame)?;
    block_for_handler(thread, info, action);
    context.set_rdi(info.signal.number() as usize);
    context.set_rsi(frame_at + INFO);
    context.set_rdx(frame_at + CONTEXT);
    context.set_rax(0);
    context.set_rsp(frame_at);
    context.set_rip(handler);
    // Direction and trap flags are off in a handler; the rest is its to change.
    const DIRECTION_AND_TRAP: usize = 1 << 10 | 1 << 8 | 1 << 16;
    context.set_rflags(context.rflags() & !DIRECTION_AND_TRAP);
    Ok(())
}

/// Blocks what is to be blocked while the handler runs.
fn block_for_handler(thread: &Arc<Thread>, info: &SigInfo, action: &Action) {
    let mut own = thread.signals.lock();
    own.saved_mask = None;
    let mut mask = own.mask.union(action.mask);
    if !action.has(uapi::SA_NODEFER) {
        mask = mask.union(SignalSet::of(&[info.signal]));
    }
    if own.alt_stack.flags & uapi::SS_AUTODISARM != 0 {
        own.alt_stack = AltStack::default();
    }
    drop(own);
    thread.set_signal_mask(mask);
}

/// Where the frame goes: below the red zone, or on the alternate stack.
fn stack_for(sp: usize, action: &Action, alt_stack: &AltStack) -> Result<usize> {
    let wants_alt = action.has(uapi::SA_ONSTACK) && alt_stack.size != 0;
    if wants_alt && !alt_stack.contains(sp) {
        return alt_stack.base.checked_add(alt_stack.size).ok_or(Errno::EFAULT);
    }
    sp.checked_sub(RED_ZONE).ok_or(Errno::EFAULT)
}

/// `stack_t` as sigaltstack(2) and the frame tell it.
pub(super) fn alt_stack_bytes(stack: &AltStack, sp: usize) -> [u8; 24] {
    let flags = if stack.size == 0 {
        uapi::SS_DISABLE
    } else if stack.contains(sp) {
        stack.flags | uapi::SS_ONSTACK
    } else {
        stack.flags
    };
    let mut bytes = [0; 24];
    put(&mut bytes, 0, &stack.base.to_le_bytes());
    put(&mut bytes, 8, &flags.to_le_bytes());
    put(&mut bytes, 16, &stack.size.to_le_bytes());
    bytes
}

/// The general registers in the order of `struct sigcontext`.
fn registers(context: &UserContext) -> [usize; 18] {
    let r = context.general_regs();
    [
        r.r8,
        r.r9,
        r.r10,
        r.r11,
        r.r12,
        r.r13,
        r.r14,
        r.r15,
        r.rdi,
        r.rsi,
        r.rbp,
        r.rbx,
        r.rdx,
        r.rax,
        r.rcx,
        r.rsp,
        r.rip,
        context.rflags(),
    ]
}

fn put_registers(frame: &mut [u8], context: &UserContext) {
    for (index, value) in registers(context).into_iter().enumerate() {
        put(frame, REGISTERS + index * 8, &value.to_le_bytes());
    }
    put(frame, SEGMENTS, &USER_CS.to_le_bytes());
    put(frame, SEGMENTS + 6, &USER_SS.to_le_bytes());
}

/// The processor's floating point state with Linux's marks around it. The kernel does
/// not use these registers, so they are still the user's.
fn saved_fpu() -> Vec<u8> {
    let mut state = FpuContext::new();
    state.save();
    let len = state.as_bytes().len();
    let mut bytes = Vec::with_capacity(len + 4);
    bytes.extend_from_slice(state.as_bytes());
    if len >= XSAVE_HEADER_END {
        let mut features = [0; 8];
        features.copy_from_slice(&bytes[XSTATE_BV..XSTATE_BV + 8]);
        put(&mut bytes, SOFTWARE, &FP_XSTATE_MAGIC1.to_le_bytes());
        put(&mut bytes, SOFTWARE + 4, &((len + 4) as u32).to_le_bytes());
        put(&mut bytes, SOFTWARE + 8, &features);
        put(&mut bytes, SOFTWARE + 16, &(len as u32).to_le_bytes());
        bytes.extend_from_slice(&FP_XSTATE_MAGIC2.to_le_bytes());
    }
    bytes
}

/// Gives the user's floating point state back to the processor, made harmless: bits
/// the processor refuses would fault in the kernel.
fn restore_fpu(addr: usize) -> Result<()> {
    let mut state = FpuContext::new();
    let mut allowed = [0; 8];
    let has_header = state.as_bytes().len() >= XSAVE_HEADER_END;
    if has_header {
        allowed.copy_from_slice(&state.as_bytes()[XSTATE_BV..XSTATE_BV + 8]);
    }
    state.save();
    let mut mask = [0; 4];
    mask.copy_from_slice(&state.as_bytes()[MXCSR_MASK..MXCSR_MASK + 4]);
    let mask = match u32::from_le_bytes(mask) {
        // The value the SDM gives where the processor does not tell (volume 1, 11.6.6).
        0 => 0xffbf,
        mask => mask,
    };
    let bytes = state.as_bytes_mut();
    user::read_bytes(addr, bytes)?;
    let mxcsr = word(bytes, MXCSR) as u32 & mask;
    put(bytes, MXCSR, &mxcsr.to_le_bytes());
    put(bytes, MXCSR_MASK, &mask.to_le_bytes());
    if has_header {
        let features = word(bytes, XSTATE_BV) & usize::from_le_bytes(allowed);
        put(bytes, XSTATE_BV, &features.to_le_bytes());
        bytes[XCOMP_BV..XSAVE_HEADER_END].fill(0);
    }
    state.load();
    Ok(())
}

/// rt_sigreturn(2): back to where the signal interrupted.
///
/// # Errors
/// `EFAULT` if the frame cannot be read; the caller ends the process.
pub(super) fn pop(thread: &Arc<Thread>, context: &mut UserContext) -> Result<()> {
    // The handler's return took the return address off the stack.
    let frame_at = context.rsp().checked_sub(8).ok_or(Errno::EFAULT)?;
    let mut frame = Box::new([0_u8; INFO]);
    user::read_bytes(frame_at, &mut *frame)?;
    let fpu_at = word(&*frame, FPU_POINTER);
    if fpu_at != 0 {
        restore_fpu(fpu_at)?;
    }
    // A context of its own: one that came by a system call would lose rcx and r11.
    let mut restored = UserContext::default();
    let value = |index: usize| word(&*frame, REGISTERS + index * 8);
    let r = restored.general_regs_mut();
    let fields = [
        &mut r.r8, &mut r.r9, &mut r.r10, &mut r.r11, &mut r.r12, &mut r.r13, &mut r.r14,
        &mut r.r15, &mut r.rdi, &mut r.rsi, &mut r.rbp, &mut r.rbx, &mut r.rdx, &mut r.rax,
        &mut r.rcx, &mut r.rsp, &mut r.rip,
    ];
    for (index, field) in fields.into_iter().enumerate() {
        *field = value(index);
    }
    if restored.rip() >= USER_END {
        return Err(Errno::EFAULT);
    }
    restored.set_rflags(value(17));
    *context = restored;
    let mask = SignalSet::from_bits(word(&*frame, MASK) as u64);
    let stack = AltStack {
        base: word(&*frame, ALT_STACK),
        flags: word(&*frame, ALT_STACK + 8) as u32 & uapi::SS_AUTODISARM,
        size: word(&*frame, ALT_STACK + 16),
    };
    thread.signals.lock().alt_stack = stack;
    thread.set_signal_mask(mask);
    Ok(())
}
