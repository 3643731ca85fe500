//! Reading a recorded conversation (`tests/vectors/*.txt`).
//!
//! The recordings were made with IPv6 on; the peer of this project runs without. What only
//! IPv6 said is taken out here, and nowhere else: the `AF_INET6` nest of `IFLA_AF_SPEC`,
//! messages about IPv6 addresses, routes, neighbours and settings, and the IPv6 multicast
//! addresses of forwarding databases.

/// A byte, and whether it must be the same.
pub type Byte = (u8, bool);

/// One datagram of a conversation.
#[derive(Debug)]
pub struct Datagram {
    /// Whether the tool sent it.
    pub is_request: bool,
    /// Which of the tool's sockets.
    pub socket: usize,
    /// The buffer the tool offered.
    pub capacity: usize,
    /// `nl_groups` of the sender's address.
    pub groups: u32,
    /// The bytes.
    pub bytes: Vec<Byte>,
}

/// A step before or between datagrams.
#[derive(Debug)]
pub enum Step {
    Option { socket: usize, level: i32, name: i32, value: Vec<u8> },
    Bind { socket: usize, groups: u32 },
    Datagram(Datagram),
}

/// A recorded conversation.
#[derive(Debug)]
pub struct Vector {
    pub setup: String,
    pub command: String,
    pub steps: Vec<Step>,
}

impl Vector {
    pub fn parse(text: &str) -> Self {
        let mut vector = Self { setup: String::new(), command: String::new(), steps: Vec::new() };
        let mut masks: Vec<(usize, usize)> = Vec::new();
        for line in text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.first().copied() {
                Some("setup:") => vector.setup = json_string(&line[7..]),
                Some("command:") => vector.command = json_string(&line[9..]),
                Some("SOCKOPT") => vector.steps.push(Step::Option {
                    socket: number(field(&words, "sock")),
                    level: number(field(&words, "level")) as i32,
                    name: number(field(&words, "opt")) as i32,
                    value: hex(field(&words, "val")),
                }),
                Some("BIND") => vector.steps.push(Step::Bind {
                    socket: number(field(&words, "sock")),
                    groups: number(field(&words, "groups")) as u32,
                }),
                Some("DGRAM") => {
                    masks.clear();
                    let has = |name: &str| words.iter().any(|word| word.starts_with(name));
                    let groups = line.split("groups=").nth(1).map_or(0, |rest| {
                        number(rest.split_whitespace().next().unwrap_or("0")) as u32
                    });
                    vector.steps.push(Step::Datagram(Datagram {
                        is_request: has("dir=request"),
                        socket: number(field(&words, "sock")),
                        capacity: if has("bufcap=") { number(field(&words, "bufcap")) } else { 0 },
                        groups,
                        bytes: Vec::new(),
                    }));
                }
                Some("MASK") => {
                    masks.push((number(field(&words, "off")), number(field(&words, "len"))));
                }
                Some("END") => {
                    if let Some(Step::Datagram(datagram)) = vector.steps.last_mut() {
                        for (start, len) in masks.drain(..) {
                            datagram.bytes[start..start + len].iter_mut().for_each(|b| b.1 = false);
                        }
                    }
                }
                Some(word) if word.len() == 4 && word.bytes().all(|b| b.is_ascii_hexdigit()) => {
                    if let Some(Step::Datagram(datagram)) = vector.steps.last_mut() {
                        let row = words[1..].iter().map(|w| (number_hex(w), true));
                        datagram.bytes.extend(row);
                    }
                }
                _ => {}
            }
        }
        vector
    }
}

/// Cuts datagrams into messages and takes IPv6 out.
pub fn messages(datagrams: &[&[Byte]]) -> Vec<Vec<Byte>> {
    let mut messages = Vec::new();
    for datagram in datagrams {
        let mut rest = *datagram;
        while rest.len() >= 16 {
            let len = u32_at(rest, 0) as usize;
            let mut message = without_ipv6_nest(&rest[..len.min(rest.len())]);
            forgive_linkwatch(&mut message);
            if !is_about_ipv6(&message) {
                messages.push(message);
            }
            rest = &rest[((len.max(16) + 3) & !3).min(rest.len())..];
        }
    }
    messages
}

/// Linux settles the operational state of a link in the background (net/core/link_watch.c).
/// Some recordings caught a bridge that is up before that: its operstate and RUNNING say
/// nothing there.
fn forgive_linkwatch(message: &mut [Byte]) {
    const BRIDGE: &[u8] = &[11, 0, 1, 0, b'b', b'r', b'i', b'd', b'g', b'e', 0];
    const OPERSTATE: &[u8] = &[5, 0, 16, 0];
    let find = |wanted: &[u8]| {
        message
            .windows(wanted.len())
            .position(|window| window.iter().map(|b| b.0).eq(wanted.iter().copied()))
    };
    let is_bridge = message.len() > 32 && u16_at(message, 4) == 16 && find(BRIDGE).is_some();
    let Some(operstate) = find(OPERSTATE).filter(|_| is_bridge) else { return };
    let is_up = message[24].0 & 0x01 != 0;
    let is_settled = message[24].0 & 0x40 != 0 && message[operstate + 4].0 == 6;
    if is_up && !is_settled {
        message[24].1 = false;
        message[operstate + 4].1 = false;
    }
}

/// The bytes of a request, without the deletions of IPv6 addresses it may hold.
pub fn request(datagram: &[Byte]) -> Vec<u8> {
    let plain = |bytes: &[Byte]| bytes.iter().map(|b| b.0).collect::<Vec<u8>>();
    // A dump's request is padded with zeros: it is one message whatever its length.
    let is_change = u16_at(datagram, 4) & 3 == 1;
    if is_change {
        messages(&[datagram]).iter().flat_map(|m| plain(m)).collect()
    } else {
        plain(datagram)
    }
}

fn is_about_ipv6(message: &[Byte]) -> bool {
    let kind = u16_at(message, 4);
    let family = message.get(16).map_or(0, |b| b.0);
    // NEWADDR to GETNEIGH, NETCONF.
    let by_family = (20..=30).contains(&kind) || (80..=82).contains(&kind);
    let ipv6_group = kind == 28
        && family == 7
        && message.get(32..34).is_some_and(|b| b.iter().all(|b| b.0 == 0x33));
    by_family && family == 10 || ipv6_group
}

/// `IFLA_AF_SPEC` without its `AF_INET6` part, the lengths around it corrected.
fn without_ipv6_nest(message: &[Byte]) -> Vec<Byte> {
    const IFLA_AF_SPEC: u16 = 26;
    const AF_INET6: u16 = 10;
    let mut message = message.to_vec();
    if ![16, 17].contains(&u16_at(&message, 4)) || message.len() < 32 {
        return message;
    }
    let mut at = 32;
    while at + 4 <= message.len() {
        let len = u16_at(&message, at) as usize;
        if u16_at(&message, at + 2) == IFLA_AF_SPEC {
            let mut inner = at + 4;
            while inner + 4 <= at + len {
                let inner_len = (u16_at(&message, inner) as usize + 3) & !3;
                if u16_at(&message, inner + 2) == AF_INET6 {
                    message.drain(inner..inner + inner_len);
                    put(&mut message, at, &((len - inner_len) as u16).to_le_bytes());
                    let total = message.len() as u32;
                    put(&mut message, 0, &total.to_le_bytes());
                    return message;
                }
                inner += inner_len.max(4);
            }
        }
        at += ((len + 3) & !3).max(4);
    }
    message
}

fn put(message: &mut [Byte], at: usize, bytes: &[u8]) {
    for (to, byte) in message[at..].iter_mut().zip(bytes) {
        to.0 = *byte;
    }
}

pub fn u16_at(bytes: &[Byte], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at].0, bytes[at + 1].0])
}

fn u32_at(bytes: &[Byte], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

fn field<'a>(words: &[&'a str], name: &str) -> &'a str {
    let prefix = format!("{name}=");
    words.iter().find_map(|word| word.strip_prefix(&prefix)).unwrap_or_else(|| {
        panic!("no {name} in {words:?}");
    })
}

/// A number up to whatever follows it, decimal or 0x.
fn number(text: &str) -> usize {
    match text.strip_prefix("0x") {
        Some(digits) => {
            let end = digits.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(digits.len());
            usize::from_str_radix(&digits[..end], 16).expect("hexadecimal")
        }
        None => {
            let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
            text[..end].parse().expect("decimal")
        }
    }
}

fn number_hex(text: &str) -> u8 {
    u8::from_str_radix(text, 16).expect("two hexadecimal digits")
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| number_hex(&text[2 * i..2 * i + 2])).collect()
}

/// The few escapes the recordings use.
fn json_string(text: &str) -> String {
    let inner = text.trim().trim_start_matches('"').trim_end_matches('"');
    let mut out = String::new();
    let mut chars = inner.chars();
    while let Some(char) = chars.next() {
        out.push(match char {
            '\\' => match chars.next() {
                Some('n') => '\n',
                Some(other) => other,
                None => break,
            },
            other => other,
        });
    }
    out
}
