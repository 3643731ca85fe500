//! The devices without hardware: null, zero, full, random, kmsg (null(4), random(4)).

use core::cmp::min;

use ostd::mm::{VmReader, VmWriter};

use crate::fs::file::{copied, copy_in, copy_out};
use crate::fs::{Events, File, OpenFlags, Poller};
use crate::mm::user;
use crate::prelude::*;
use crate::process::{Capability, current};
use crate::random;

/// Takes everything as if it were written.
fn swallow(from: &mut VmReader<'_>) -> usize {
    let count = from.remain();
    from.skip(count);
    count
}

/// Reads nothing, swallows everything.
pub(super) struct Null;

impl File for Null {
    fn read(&self, _offset: &mut u64, _to: &mut VmWriter<'_>, _flags: OpenFlags) -> Result<usize> {
        Ok(0)
    }

    fn write(
        &self,
        _offset: &mut u64,
        from: &mut VmReader<'_>,
        _flags: OpenFlags,
    ) -> Result<usize> {
        Ok(swallow(from))
    }

    fn has_offsets(&self) -> bool {
        true
    }

    fn len(&self) -> Result<u64> {
        Ok(0)
    }
}

fn read_zeros(to: &mut VmWriter<'_>) -> Result<usize> {
    let count = to.avail();
    copied(to.fill_zeros(count))
}

/// Reads zeros, swallows everything.
pub(super) struct Zero;

impl File for Zero {
    fn read(&self, _offset: &mut u64, to: &mut VmWriter<'_>, _flags: OpenFlags) -> Result<usize> {
        read_zeros(to)
    }

    fn write(
        &self,
        _offset: &mut u64,
        from: &mut VmReader<'_>,
        _flags: OpenFlags,
    ) -> Result<usize> {
        Ok(swallow(from))
    }

    fn has_offsets(&self) -> bool {
        true
    }

    fn len(&self) -> Result<u64> {
        Ok(0)
    }

    fn maps_zeros(&self) -> bool {
        true
    }
}

/// Reads zeros and is always full.
pub(super) struct Full;

impl File for Full {
    fn read(&self, _offset: &mut u64, to: &mut VmWriter<'_>, _flags: OpenFlags) -> Result<usize> {
        read_zeros(to)
    }

    fn write(
        &self,
        _offset: &mut u64,
        _from: &mut VmReader<'_>,
        _flags: OpenFlags,
    ) -> Result<usize> {
        Err(Errno::ENOSPC)
    }

    fn has_offsets(&self) -> bool {
        true
    }

    fn len(&self) -> Result<u64> {
        Ok(0)
    }
}

/// Reads randomness. What is written would only stir the generator, which is seeded well
/// enough.
pub(super) struct Random;

// include/uapi/linux/random.h
const RNDGETENTCNT: u32 = 0x8004_5200;
/// How many bits of entropy Linux's pool holds when it is ready.
const ENTROPY_BITS: i32 = 256;

impl File for Random {
    fn read(&self, _offset: &mut u64, to: &mut VmWriter<'_>, _flags: OpenFlags) -> Result<usize> {
        let mut chunk = [0; 256];
        let mut done = 0;
        while to.has_avail() {
            let want = min(chunk.len(), to.avail());
            random::fill(&mut chunk[..want]);
            match copy_out(&chunk[..want], to) {
                Ok(count) => done += count,
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(done)
    }

    fn write(
        &self,
        _offset: &mut u64,
        from: &mut VmReader<'_>,
        _flags: OpenFlags,
    ) -> Result<usize> {
        Ok(swallow(from))
    }

    fn poll(&self, _poller: Option<&mut Poller>) -> Events {
        Events::READY
    }

    fn is_pollable(&self) -> bool {
        true
    }

    fn ioctl(&self, request: u32, arg: usize) -> Result<usize> {
        match request {
            RNDGETENTCNT => {
                user::write_val(arg, &ENTROPY_BITS)?;
                Ok(0)
            }
            _ => Err(Errno::EINVAL),
        }
    }
}

/// Lines written here go to the kernel's log.
pub(super) struct Kmsg;

/// The longest line (kernel/printk/printk.c LOG_LINE_MAX).
const LINE_MAX: usize = 1024 - 32;

impl File for Kmsg {
    fn read(&self, _offset: &mut u64, _to: &mut VmWriter<'_>, _flags: OpenFlags) -> Result<usize> {
        // Messages are not kept for readers.
        current().credentials().require(Capability::SysAdmin)?;
        Err(Errno::EAGAIN)
    }

    fn write(
        &self,
        _offset: &mut u64,
        from: &mut VmReader<'_>,
        _flags: OpenFlags,
    ) -> Result<usize> {
        let mut line = [0; LINE_MAX];
        if from.remain() > LINE_MAX {
            return Err(Errno::EINVAL);
        }
        let count = copy_in(from, &mut line)?;
        log::info!("{}", String::from_utf8_lossy(line[..count].trim_ascii_end()));
        Ok(count)
    }
}
