//! The settings of a terminal as `struct termios` of the kernel's ABI holds them
//! (include/uapi/asm-generic/termbits.h). Bits without a meaning here are kept and
//! given back, as Linux's drivers do.

use bitflags::bitflags;

bitflags! {
    /// `c_iflag`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Input: u32 {
        /// Strip the eighth bit.
        const ISTRIP = 0x20;
        /// Newline becomes carriage return.
        const INLCR = 0x40;
        /// Carriage returns are dropped.
        const IGNCR = 0x80;
        /// Carriage return becomes newline.
        const ICRNL = 0x100;
        /// Ctrl-S and ctrl-Q hold and release output.
        const IXON = 0x400;
        /// Any character releases output.
        const IXANY = 0x800;
        /// Ring the bell when the buffer is full.
        const IMAXBEL = 0x2000;
        /// Input is UTF-8: erase takes whole characters.
        const IUTF8 = 0x4000;
        /// The bits without a meaning here.
        const _ = !0;
    }
    /// `c_oflag`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Output: u32 {
        /// Process output at all.
        const OPOST = 0x1;
        /// Newline becomes carriage return and newline.
        const ONLCR = 0x4;
        /// Carriage return becomes newline.
        const OCRNL = 0x8;
        /// No carriage return at column zero.
        const ONOCR = 0x10;
        /// Newline does what a carriage return does.
        const ONLRET = 0x20;
        /// Tabs become spaces (TAB3).
        const XTABS = 0x1800;
        /// The bits without a meaning here.
        const _ = !0;
    }
    /// `c_cflag`; a line without a modem only remembers it.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Control: u32 {
        /// 115200 baud.
        const B115200 = 0x1002;
        /// Eight data bits.
        const CS8 = 0x30;
        /// Receiver on.
        const CREAD = 0x80;
        /// Hang up on last close.
        const HUPCL = 0x400;
        /// No modem lines.
        const CLOCAL = 0x800;
        /// The bits without a meaning here.
        const _ = !0;
    }
    /// `c_lflag`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Local: u32 {
        /// Control characters raise signals.
        const ISIG = 0x1;
        /// Input is edited and read by lines.
        const ICANON = 0x2;
        /// Echo input.
        const ECHO = 0x8;
        /// Erase removes the character from the screen.
        const ECHOE = 0x10;
        /// Kill starts a new line.
        const ECHOK = 0x20;
        /// Echo newlines even without ECHO.
        const ECHONL = 0x40;
        /// Signals do not flush.
        const NOFLSH = 0x80;
        /// Background writers get SIGTTOU.
        const TOSTOP = 0x100;
        /// Echo control characters as ^X.
        const ECHOCTL = 0x200;
        /// Kill erases the line from the screen.
        const ECHOKE = 0x800;
        /// VLNEXT, VWERASE, VREPRINT and VEOL2 work.
        const IEXTEN = 0x8000;
        /// The bits without a meaning here.
        const _ = !0;
    }
}

/// Indices into `c_cc`.
pub mod cc {
    /// SIGINT.
    pub const VINTR: usize = 0;
    /// SIGQUIT.
    pub const VQUIT: usize = 1;
    /// Erase a character.
    pub const VERASE: usize = 2;
    /// Erase the line.
    pub const VKILL: usize = 3;
    /// End of file.
    pub const VEOF: usize = 4;
    /// Tenths of a second a raw read waits.
    pub const VTIME: usize = 5;
    /// How many bytes a raw read waits for.
    pub const VMIN: usize = 6;
    /// Release output.
    pub const VSTART: usize = 8;
    /// Hold output.
    pub const VSTOP: usize = 9;
    /// SIGTSTP.
    pub const VSUSP: usize = 10;
    /// Another end of line.
    pub const VEOL: usize = 11;
    /// Show the line again.
    pub const VREPRINT: usize = 12;
    /// Erase a word.
    pub const VWERASE: usize = 14;
    /// Take the next character literally.
    pub const VLNEXT: usize = 15;
    /// Yet another end of line.
    pub const VEOL2: usize = 16;
}

/// Size of `struct termios` in the kernel's ABI.
pub const ABI_LEN: usize = 36;

/// The settings of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Termios {
    /// `c_iflag`.
    pub input: Input,
    /// `c_oflag`.
    pub output: Output,
    /// `c_cflag`.
    pub control: Control,
    /// `c_lflag`.
    pub local: Local,
    /// `c_line`: the number of the line discipline, always N_TTY.
    pub line: u8,
    /// `c_cc`; zero turns a character off.
    pub chars: [u8; 19],
}

impl Default for Termios {
    /// What Linux gives a new terminal (drivers/tty/tty_io.c tty_std_termios), at
    /// the console's speed.
    fn default() -> Self {
        let mut chars = [0; 19];
        for (index, byte) in [
            (cc::VINTR, 3),
            (cc::VQUIT, 28),
            (cc::VERASE, 127),
            (cc::VKILL, 21),
            (cc::VEOF, 4),
            (cc::VMIN, 1),
            (cc::VSTART, 17),
            (cc::VSTOP, 19),
            (cc::VSUSP, 26),
            (cc::VREPRINT, 18),
            // VDISCARD, which no Linux line discipline acts on.
            (13, 15),
            (cc::VWERASE, 23),
            (cc::VLNEXT, 22),
        ] {
            chars[index] = byte;
        }
        Self {
            input: Input::ICRNL | Input::IXON,
            output: Output::OPOST | Output::ONLCR,
            control: Control::B115200 | Control::CS8 | Control::CREAD | Control::HUPCL,
            local: Local::ISIG
                | Local::ICANON
                | Local::ECHO
                | Local::ECHOE
                | Local::ECHOK
                | Local::ECHOCTL
                | Local::ECHOKE
                | Local::IEXTEN,
            line: 0,
            chars,
        }
    }
}

impl Termios {
    /// Reads the ABI's layout.
    #[must_use]
    pub fn from_abi(bytes: &[u8; ABI_LEN]) -> Self {
        let word = |index: usize| {
            let at = 4 * index;
            u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let mut chars = [0; 19];
        chars.copy_from_slice(&bytes[17..]);
        Self {
            input: Input::from_bits_retain(word(0)),
            output: Output::from_bits_retain(word(1)),
            control: Control::from_bits_retain(word(2)),
            local: Local::from_bits_retain(word(3)),
            line: bytes[16],
            chars,
        }
    }

    /// Writes the ABI's layout.
    #[must_use]
    pub fn to_abi(&self) -> [u8; ABI_LEN] {
        let mut bytes = [0; ABI_LEN];
        let words = [self.input.bits(), self.output.bits(), self.control.bits(), self.local.bits()];
        for (chunk, word) in bytes.chunks_exact_mut(4).zip(words) {
            chunk.copy_from_slice(&word.to_ne_bytes());
        }
        bytes[16] = self.line;
        bytes[17..].copy_from_slice(&self.chars);
        bytes
    }

    /// Whether `byte` is the control character at `index`, which is on.
    pub(super) fn is(&self, index: usize, byte: u8) -> bool {
        byte != 0 && self.chars[index] == byte
    }
}
