//! setsockopt(2), getsockopt(2).

use super::Opened;
use crate::mm::user;
use crate::prelude::*;
use crate::process::Thread;
use crate::syscall::Args;

/// No option known here is longer.
const LONGEST: usize = 512;

pub(super) fn setsockopt(
    thread: &Arc<Thread>,
    [fd, level, name, value, len, _]: Args,
) -> Result<usize> {
    let file = Opened::new(thread, fd)?;
    let len = usize::try_from(len as i32).map_err(|_| Errno::EINVAL)?;
    let mut bytes = [0; LONGEST];
    let bytes = &mut bytes[..len.min(LONGEST)];
    user::read_bytes(value, bytes)?;
    let socket = file.socket();
    socket.with_call(|call| socket.socket.set_option(level as i32, name as i32, bytes, call))?;
    Ok(0)
}

pub(super) fn getsockopt(
    thread: &Arc<Thread>,
    [fd, level, name, value, len, _]: Args,
) -> Result<usize> {
    let file = Opened::new(thread, fd)?;
    let room: i32 = user::read_val(len)?;
    let room = usize::try_from(room).map_err(|_| Errno::EINVAL)?;
    let socket = file.socket();
    let bytes =
        socket.with_call(|call| socket.socket.option(level as i32, name as i32, room, call))?;
    user::write_bytes(value, &bytes)?;
    user::write_val(len, &(bytes.len() as i32))?;
    Ok(0)
}
