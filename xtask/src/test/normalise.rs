//! Making the outputs of two runs comparable, without hiding a difference.
//!
//! Only what no two runs share is replaced, only where it is expected, and only when it has the
//! right form: a time that is no number, or a random MAC address with the multicast bit, stays
//! and shows as a difference. What has an identity (a MAC address, a namespace's inode) gets a
//! number by first appearance, so the same thing keeps the same name within an output and two
//! things stay two. Everything else, spaces and order included, is compared as it is.

use regex_lite::{Captures, Regex};

/// The rewritten output of one script.
pub(crate) fn normalise(output: &str) -> String {
    let rules = Rules::new();
    let mut names = Names::default();
    let lines = output.split('\n').map(|line| rules.rewrite(line, &mut names));
    lines.collect::<Vec<_>>().join("\n")
}

struct Rules {
    times: Vec<(Regex, &'static str)>,
    mac: Regex,
    namespace: Regex,
}

impl Rules {
    fn new() -> Self {
        let regex =
            |pattern| Regex::new(pattern).expect("a constant pattern, covered by the tests");
        let times = vec![
            // iputils and busybox, one reply.
            (regex(r"^(\d+ bytes from .* ttl=\d+) time=\d+(?:\.\d+)? ms$"), "$1 time=<time> ms"),
            // iputils, the summary.
            (
                regex(r"^(\d+ packets transmitted, .*% packet loss), time \d+ms$"),
                "$1, time <time>ms",
            ),
            (
                regex(concat!(
                    r"^rtt min/avg/max/mdev = \d+\.\d{3}/\d+\.\d{3}/\d+\.\d{3}/\d+\.\d{3} ms",
                    r"(?:, pipe \d+)?(?:, ipg/ewma \d+\.\d{3}/\d+\.\d{3} ms)?$"
                )),
                "rtt min/avg/max/mdev = <times>",
            ),
            // busybox, the summary.
            (
                regex(r"^round-trip min/avg/max = \d+\.\d{3}/\d+\.\d{3}/\d+\.\d{3} ms$"),
                "round-trip min/avg/max = <times>",
            ),
        ];
        Self {
            times,
            mac: regex(r"\b[0-9a-f]{2}(?::[0-9a-f]{2}){5}\b"),
            namespace: regex(r"\b(net|mnt):\[(\d+)\]"),
        }
    }

    fn rewrite(&self, line: &str, names: &mut Names) -> String {
        let mut line = line.to_owned();
        for (pattern, replacement) in &self.times {
            line = pattern.replace(&line, *replacement).into_owned();
        }
        let line = self.mac.replace_all(&line, |found: &Captures<'_>| {
            let mac = &found[0];
            if is_random(mac) { names.macs.name("mac", mac) } else { mac.to_owned() }
        });
        let line = self.namespace.replace_all(&line, |found: &Captures<'_>| {
            format!("{}:[{}]", &found[1], names.namespaces.name("ns", &found[2]))
        });
        line.into_owned()
    }
}

/// Whether a kernel drew this address: unicast and locally administered, and not one the scripts
/// choose, which all start with 02:00:00.
fn is_random(mac: &str) -> bool {
    let first = u8::from_str_radix(&mac[..2], 16).unwrap_or(0);
    first & 0b11 == 0b10 && !mac.starts_with("02:00:00:")
}

/// Numbers for things, by first appearance.
#[derive(Default)]
struct Names {
    macs: Numbered,
    namespaces: Numbered,
}

#[derive(Default)]
struct Numbered(Vec<String>);

impl Numbered {
    fn name(&mut self, kind: &str, thing: &str) -> String {
        let known = self.0.iter().position(|seen| seen == thing);
        let index = known.unwrap_or_else(|| {
            self.0.push(thing.to_owned());
            self.0.len() - 1
        });
        format!("<{kind} {}>", index + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::normalise;

    #[test]
    fn times_of_a_ping_are_replaced() {
        let ping = "64 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=0.131 ms\n\n\
                    1 packets transmitted, 1 received, 0% packet loss, time 0ms\n\
                    rtt min/avg/max/mdev = 0.131/0.131/0.131/0.000 ms\n";
        let expected = "64 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=<time> ms\n\n\
                        1 packets transmitted, 1 received, 0% packet loss, time <time>ms\n\
                        rtt min/avg/max/mdev = <times>\n";
        assert_eq!(normalise(ping), expected);
        let flood = "rtt min/avg/max/mdev = 0.1/0.131/0.131/0.000 ms";
        assert_eq!(normalise(flood), flood, "Linux prints three decimals");
        assert_eq!(
            normalise("rtt min/avg/max/mdev = 0.029/0.045/1.022/0.034 ms, ipg/ewma 0.102/0.041 ms"),
            "rtt min/avg/max/mdev = <times>"
        );
    }

    #[test]
    fn counts_losses_and_sequence_numbers_stay() {
        let lossy = "3 packets transmitted, 2 received, 33.3333% packet loss, time 2004ms";
        assert!(normalise(lossy).starts_with("3 packets transmitted, 2 received, 33.3333%"));
        assert_ne!(
            normalise("64 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=1.0 ms"),
            normalise("64 bytes from 10.0.0.2: icmp_seq=2 ttl=64 time=1.0 ms")
        );
        assert_ne!(
            normalise("64 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=1.0 ms"),
            normalise("64 bytes from 10.0.0.2: icmp_seq=1 ttl=63 time=1.0 ms")
        );
    }

    #[test]
    fn a_time_outside_of_a_ping_stays() {
        let text = "waited time=12 ms";
        assert_eq!(normalise(text), text);
    }

    #[test]
    fn a_strange_time_stays() {
        let text = "64 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=-3 ms";
        assert_eq!(normalise(text), text);
    }

    #[test]
    fn random_macs_are_numbered_by_first_appearance() {
        assert_eq!(
            normalise("aa:bb:cc:dd:ee:01 x 5e:00:00:00:00:02\naa:bb:cc:dd:ee:01"),
            "<mac 1> x <mac 2>\n<mac 1>"
        );
    }

    #[test]
    fn two_links_with_one_address_differ_from_two_with_two() {
        assert_ne!(
            normalise("aa:bb:cc:dd:ee:01 aa:bb:cc:dd:ee:01"),
            normalise("aa:bb:cc:dd:ee:01 aa:bb:cc:dd:ee:02")
        );
    }

    #[test]
    fn macs_that_mean_something_stay() {
        for mac in [
            "ff:ff:ff:ff:ff:ff",
            "00:00:00:00:00:00",
            "02:00:00:00:00:07", // chosen by a script
            "ab:bb:cc:dd:ee:01", // multicast: no kernel may draw it
            "a8:bb:cc:dd:ee:01", // a vendor's: no kernel may draw it
        ] {
            assert_eq!(normalise(mac), mac);
        }
    }

    #[test]
    fn namespaces_are_numbered_and_kinds_kept_apart() {
        assert_eq!(
            normalise("net:[4026531840]\nnet:[4026532000]\nnet:[4026531840]"),
            "net:[<ns 1>]\nnet:[<ns 2>]\nnet:[<ns 1>]"
        );
        assert_ne!(normalise("net:[1]"), normalise("mnt:[1]"));
    }

    #[test]
    fn spaces_order_and_carriage_returns_are_part_of_the_output() {
        for (one, other) in [("a b", "a  b"), ("a \n", "a\n"), ("a\nb", "b\na"), ("a\r\n", "a\n")] {
            assert_ne!(normalise(one), normalise(other));
        }
    }

    #[test]
    fn link_indexes_mtus_and_states_stay() {
        let link = "2: v0@if3: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP";
        assert_eq!(normalise(link), link);
    }
}
