//! Reading and writing.

use core::cmp::min;

use ostd::mm::{VmReader, VmWriter};

use super::fd;
use crate::fs::file::{OpenFile, OpenFlags};
use crate::mm::user::{self, IoVec, MAX_TRANSFER, UserMemory};
use crate::prelude::*;
use crate::process::Thread;
use crate::syscall::{Args, Call};

pub(super) const CALLS: &[(u32, Call)] = &[
    (0, Call::new(sys_read)),
    (1, Call::new(sys_write)),
    (8, Call::new(sys_lseek)),
    (16, Call::new(sys_ioctl)),
    (17, Call::new(sys_pread64)),
    (18, Call::new(sys_pwrite64)),
    (19, Call::new(sys_readv)),
    (20, Call::new(sys_writev)),
    (40, Call::new(sys_sendfile)),
    (221, Call::new(sys_fadvise64)),
    (295, Call::new(sys_preadv)),
    (296, Call::new(sys_pwritev)),
];

/// Vectored transfers up to this size are made in one piece, as sockets and terminals
/// need them.
const GATHER_MAX: usize = 64 << 10;

/// Where a transfer happens: at the file's offset or at a given one.
#[derive(Clone, Copy)]
enum At {
    Here,
    Offset(u64),
}

impl At {
    fn new(offset: usize) -> Result<Self> {
        if (offset as i64) < 0 { Err(Errno::EINVAL) } else { Ok(Self::Offset(offset as u64)) }
    }

    fn advance(&mut self, count: usize) {
        if let Self::Offset(offset) = self {
            *offset += count as u64;
        }
    }
}

fn read_to(file: &OpenFile, at: At, to: &mut VmWriter<'_>) -> Result<usize> {
    match at {
        At::Here => file.read(to),
        At::Offset(offset) => file.read_at(offset, to),
    }
}

fn write_from(file: &OpenFile, at: At, from: &mut VmReader<'_>) -> Result<usize> {
    match at {
        At::Here => file.write(from),
        At::Offset(offset) => file.write_at(offset, from),
    }
}

fn read(thread: &Thread, number: usize, at: At, buffer: IoVec) -> Result<usize> {
    let file = thread.files()?.get(fd(number)?)?;
    if !file.is_readable() {
        return Err(Errno::EBADF);
    }
    let memory = UserMemory::current()?;
    read_to(&file, at, &mut memory.writer(buffer.addr, min(buffer.len, MAX_TRANSFER))?)
}

fn write(thread: &Thread, number: usize, at: At, buffer: IoVec) -> Result<usize> {
    let file = thread.files()?.get(fd(number)?)?;
    if !file.is_writable() {
        return Err(Errno::EBADF);
    }
    let memory = UserMemory::current()?;
    write_from(&file, at, &mut memory.reader(buffer.addr, min(buffer.len, MAX_TRANSFER))?)
}

fn sys_read(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    read(thread, args[0], At::Here, IoVec { addr: args[1], len: args[2] })
}

fn sys_write(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    write(thread, args[0], At::Here, IoVec { addr: args[1], len: args[2] })
}

fn sys_pread64(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    read(thread, args[0], At::new(args[3])?, IoVec { addr: args[1], len: args[2] })
}

fn sys_pwrite64(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    write(thread, args[0], At::new(args[3])?, IoVec { addr: args[1], len: args[2] })
}

fn kernel_buffer(len: usize) -> Result<Vec<u8>> {
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(len).map_err(|_| Errno::ENOMEM)?;
    buffer.resize(len, 0);
    Ok(buffer)
}

fn read_vector(thread: &Thread, number: usize, mut at: At, args: &Args) -> Result<usize> {
    let file = thread.files()?.get(fd(number)?)?;
    if !file.is_readable() {
        return Err(Errno::EBADF);
    }
    let buffers = user::read_iovecs(args[1], args[2])?;
    let memory = UserMemory::current()?;
    let total: usize = buffers.iter().map(|buffer| buffer.len).sum();
    if buffers.len() > 1 && total <= GATHER_MAX {
        let mut bytes = kernel_buffer(total)?;
        let count = read_to(&file, at, &mut VmWriter::from(&mut bytes[..]).to_fallible())?;
        let mut rest = &bytes[..count];
        for buffer in buffers {
            let (piece, after) = rest.split_at(min(buffer.len, rest.len()));
            user::write_bytes(buffer.addr, piece)?;
            rest = after;
        }
        return Ok(count);
    }
    let mut done = 0;
    for buffer in buffers {
        match read_to(&file, at, &mut memory.writer(buffer.addr, buffer.len)?) {
            Ok(count) => {
                done += count;
                at.advance(count);
                if count < buffer.len {
                    break;
                }
            }
            Err(error) if done == 0 => return Err(error),
            Err(_) => break,
        }
    }
    Ok(done)
}

fn write_vector(thread: &Thread, number: usize, mut at: At, args: &Args) -> Result<usize> {
    let file = thread.files()?.get(fd(number)?)?;
    if !file.is_writable() {
        return Err(Errno::EBADF);
    }
    let buffers = user::read_iovecs(args[1], args[2])?;
    let memory = UserMemory::current()?;
    let total: usize = buffers.iter().map(|buffer| buffer.len).sum();
    if buffers.len() > 1 && total <= GATHER_MAX {
        let mut bytes = kernel_buffer(total)?;
        let mut rest = &mut bytes[..];
        for buffer in buffers {
            let (piece, after) = rest.split_at_mut(buffer.len);
            user::read_bytes(buffer.addr, piece)?;
            rest = after;
        }
        return write_from(&file, at, &mut VmReader::from(&bytes[..]).to_fallible());
    }
    let mut done = 0;
    for buffer in buffers {
        match write_from(&file, at, &mut memory.reader(buffer.addr, buffer.len)?) {
            Ok(count) => {
                done += count;
                at.advance(count);
                if count < buffer.len {
                    break;
                }
            }
            Err(error) if done == 0 => return Err(error),
            Err(_) => break,
        }
    }
    Ok(done)
}

fn sys_readv(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    read_vector(thread, args[0], At::Here, &args)
}

fn sys_writev(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    write_vector(thread, args[0], At::Here, &args)
}

fn sys_preadv(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    read_vector(thread, args[0], At::new(args[3])?, &args)
}

fn sys_pwritev(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    write_vector(thread, args[0], At::new(args[3])?, &args)
}

fn sys_lseek(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    const SET: usize = 0;
    const CUR: usize = 1;
    const END: usize = 2;
    const DATA: usize = 3;
    const HOLE: usize = 4;
    let file = thread.files()?.get_opened(fd(args[0])?)?;
    let distance = args[1] as i64;
    let position = file.seek(|current| {
        let base = match args[2] {
            SET => 0,
            CUR => current,
            END => file.file().len()?,
            DATA | HOLE => {
                // Everything up to the end counts as data; the hole is behind it.
                let end = file.file().len()?;
                let from = u64::try_from(distance).map_err(|_| Errno::ENXIO)?;
                if from >= end {
                    return Err(Errno::ENXIO);
                }
                return Ok(if args[2] == DATA { from } else { end });
            }
            _ => return Err(Errno::EINVAL),
        };
        let position = base.checked_add_signed(distance).ok_or(Errno::EINVAL)?;
        if position > i64::MAX as u64 { Err(Errno::EOVERFLOW) } else { Ok(position) }
    })?;
    Ok(position as usize)
}

fn sys_ioctl(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    const FIONBIO: u32 = 0x5421;
    const FIONCLEX: u32 = 0x5450;
    const FIOCLEX: u32 = 0x5451;
    const FIOASYNC: u32 = 0x5452;
    let files = thread.files()?;
    let file = files.get_opened(fd(args[0])?)?;
    let request = args[1] as u32;
    match request {
        FIOCLEX | FIONCLEX => {
            files.set_cloexec(fd(args[0])?, request == FIOCLEX)?;
            Ok(0)
        }
        FIONBIO | FIOASYNC => {
            let on = user::read_val::<i32>(args[2])? != 0;
            let mut flags = file.flags();
            let which = if request == FIONBIO { OpenFlags::NONBLOCK } else { OpenFlags::ASYNC };
            flags.set(which, on);
            file.set_flags(flags);
            Ok(0)
        }
        _ => file.file().ioctl(request, args[2]),
    }
}

fn sys_sendfile(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    let files = thread.files()?;
    let from = files.get_opened(fd(args[1])?)?;
    let to = files.get_opened(fd(args[0])?)?;
    if !from.is_readable() || !to.is_writable() {
        return Err(Errno::EBADF);
    }
    if !from.file().has_offsets() || to.flags().contains(OpenFlags::APPEND) {
        return Err(Errno::EINVAL);
    }
    let start = match args[2] {
        0 => from.offset(),
        addr => u64::try_from(user::read_val::<i64>(addr)?).map_err(|_| Errno::EINVAL)?,
    };
    let mut left = min(args[3], MAX_TRANSFER);
    let mut buffer = kernel_buffer(min(left, GATHER_MAX))?;
    let mut at = start;
    let mut outcome = Ok(());
    while left > 0 && outcome.is_ok() {
        let want = min(left, buffer.len());
        let got = from.read_at(at, &mut VmWriter::from(&mut buffer[..want]).to_fallible())?;
        if got == 0 {
            break;
        }
        match to.write(&mut VmReader::from(&buffer[..got]).to_fallible()) {
            Ok(count) => {
                at += count as u64;
                left -= count;
                if count < got {
                    break;
                }
            }
            Err(error) => outcome = Err(error),
        }
    }
    let done = (at - start) as usize;
    match args[2] {
        0 => from.seek(|_| Ok(at)).map(|_| ())?,
        addr => user::write_val(addr, &at)?,
    }
    if done == 0 { outcome.map(|()| 0) } else { Ok(done) }
}

/// Advice changes nothing for files that are in memory anyway.
fn sys_fadvise64(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    /// POSIX_FADV_NOREUSE, the last one.
    const LAST_ADVICE: usize = 5;
    let file = thread.files()?.get_opened(fd(args[0])?)?;
    if !file.file().has_offsets() {
        return Err(Errno::ESPIPE);
    }
    if args[3] > LAST_ADVICE || (args[2] as i64) < 0 { Err(Errno::EINVAL) } else { Ok(0) }
}
