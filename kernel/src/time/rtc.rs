//! The battery-backed clock, read once at boot for the date.

use core::time::Duration;

use ostd::arch::device::io_port::{ReadWriteAccess, WriteOnlyAccess};
use ostd::io::IoPort;

const INDEX_PORT: u16 = 0x70;
const DATA_PORT: u16 = 0x71;
const STATUS_A: u8 = 0x0a;
const STATUS_B: u8 = 0x0b;
const UPDATE_IN_PROGRESS: u8 = 0x80;
const BINARY_MODE: u8 = 0x04;

struct Rtc {
    index: IoPort<u8, WriteOnlyAccess>,
    data: IoPort<u8, ReadWriteAccess>,
}

impl Rtc {
    fn register(&self, index: u8) -> u8 {
        self.index.write(index);
        self.data.read()
    }

    /// Seconds, minutes, hours, day, month, year of the century.
    fn fields(&self) -> [u8; 6] {
        [0, 2, 4, 7, 8, 9].map(|index| self.register(index))
    }
}

/// Time since the epoch; zero where there is no such clock.
pub(super) fn read() -> Duration {
    let (Ok(index), Ok(data)) = (IoPort::acquire(INDEX_PORT), IoPort::acquire(DATA_PORT)) else {
        return Duration::ZERO;
    };
    let rtc = Rtc { index, data };
    // Two equal readings outside of an update cannot be torn.
    let mut fields = rtc.fields();
    loop {
        while rtc.register(STATUS_A) & UPDATE_IN_PROGRESS != 0 {}
        let again = rtc.fields();
        if again == fields {
            break;
        }
        fields = again;
    }
    if rtc.register(STATUS_B) & BINARY_MODE == 0 {
        fields = fields.map(|bcd| (bcd & 0xf) + (bcd >> 4) * 10);
    }
    let [second, minute, hour, day, month, year] = fields.map(u64::from);
    let days = days_since_epoch(2000 + year, month, day);
    Duration::from_secs(((days * 24 + hour) * 60 + minute) * 60 + second)
}

/// Days from 1970-01-01 to a date of the Gregorian calendar; March is the first
/// month of the reckoning, so that the leap day comes last.
fn days_since_epoch(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}
