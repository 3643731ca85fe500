//! Reading what ip(8) reports: namespaces, their links and addresses, and who is wired to whom.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::failure::{Failure, Outcome};

/// A network as reported.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Network {
    /// The first namespace, where the reports were made.
    pub(crate) first: Vec<Link>,
    /// The named namespaces, in the order reported.
    pub(crate) namespaces: Vec<(String, Vec<Link>)>,
    /// The names of namespaces by the ids the first one knows them by.
    pub(crate) ids: BTreeMap<u64, String>,
}

/// A link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Link {
    /// Its index in its namespace.
    pub(crate) index: u64,
    /// Its name.
    pub(crate) name: String,
    /// `bridge`, `veth`, ...; nothing for a loopback.
    pub(crate) kind: Option<String>,
    /// Whether it is operational.
    pub(crate) state: String,
    /// The bridge it is a port of.
    pub(crate) master: Option<String>,
    /// Its addresses with prefix lengths.
    pub(crate) addresses: Vec<String>,
    /// The other end: the id of its namespace and its index there.
    pub(crate) peer: Option<(u64, u64)>,
}

impl Network {
    /// The bridges of the first namespace.
    pub(crate) fn bridges(&self) -> impl Iterator<Item = &Link> {
        self.first.iter().filter(|link| link.kind.as_deref() == Some("bridge"))
    }

    /// The ports of a bridge.
    pub(crate) fn ports<'a>(&'a self, bridge: &'a Link) -> impl Iterator<Item = &'a Link> {
        self.first.iter().filter(|link| link.master.as_ref() == Some(&bridge.name))
    }

    /// The namespace and link at the other end of a link of the first namespace.
    pub(crate) fn other_end(&self, link: &Link) -> Option<(&str, &Link)> {
        let (id, index) = link.peer?;
        let name = self.ids.get(&id)?;
        let (name, links) = self.namespaces.iter().find(|(namespace, _)| namespace == name)?;
        Some((name, links.iter().find(|link| link.index == index)?))
    }
}

/// Reads the reports: lines `=== first`, `=== namespace NAME` and `=== ids`, each with JSON below.
pub(crate) fn read(text: &str) -> Outcome<Network> {
    let mut network = Network::default();
    for section in text.split("\n=== ").filter(|section| !section.trim().is_empty()) {
        let (title, body) = section.split_once('\n').unwrap_or((section, ""));
        let json: Value = serde_json::from_str(body).map_err(|error| {
            Failure::new(format!("the guest's report `{title}` is no JSON: {error}\n{body}"))
        })?;
        let list = json.as_array().map(Vec::as_slice).unwrap_or_default();
        match title.split_once(' ') {
            None if title == "first" => network.first = links(list),
            None if title == "ids" => network.ids = list.iter().filter_map(id).collect(),
            Some(("namespace", name)) => {
                network.namespaces.push((name.to_owned(), links(list)));
            }
            _ => return Err(Failure::new(format!("the guest made an unknown report `{title}`"))),
        }
    }
    Ok(network)
}

fn links(list: &[Value]) -> Vec<Link> {
    // ip(8) prints an empty object for what a filter left out.
    list.iter().filter(|link| link["ifname"].is_string()).map(link).collect()
}

fn link(json: &Value) -> Link {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let addresses = json["addr_info"].as_array().map(Vec::as_slice).unwrap_or_default();
    Link {
        index: json["ifindex"].as_u64().unwrap_or_default(),
        name: text(&json["ifname"]).unwrap_or_default(),
        kind: text(&json["linkinfo"]["info_kind"]),
        state: text(&json["operstate"]).unwrap_or_default(),
        master: text(&json["master"]),
        addresses: addresses
            .iter()
            .filter_map(|address| {
                Some(format!("{}/{}", address["local"].as_str()?, address["prefixlen"].as_u64()?))
            })
            .collect(),
        peer: json["link_netnsid"].as_u64().zip(json["link_index"].as_u64()),
    }
}

fn id(json: &Value) -> Option<(u64, String)> {
    Some((json["nsid"].as_u64()?, json["name"].as_str()?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shortened from what Debian's ip printed on Linux 6.1.
    const REPORTS: &str = r#"
=== namespace a
[{"ifindex":1,"ifname":"lo","operstate":"DOWN","addr_info":[]},{"ifindex":2,"link_index":4,
"ifname":"eth0","operstate":"UP","link_netnsid":0,"linkinfo":{"info_kind":"veth"},
"addr_info":[{"family":"inet","local":"10.0.0.1","prefixlen":24}]}]

=== first
[{"ifindex":3,"ifname":"br0","operstate":"UP","linkinfo":{"info_kind":"bridge"},"addr_info":[]},
{"ifindex":4,"link_index":2,"ifname":"to-a","master":"br0","operstate":"UP","link_netnsid":7,
"linkinfo":{"info_kind":"veth"},"addr_info":[]}]

=== ids
[{"nsid":7,"name":"a"}]
"#;

    #[test]
    fn a_port_is_followed_to_the_link_in_the_other_namespace() {
        let network = read(REPORTS).expect("good reports");
        let bridge = network.bridges().next().expect("one bridge");
        let port = network.ports(bridge).next().expect("one port");
        assert_eq!(port.name, "to-a");
        let (namespace, link) = network.other_end(port).expect("the cable has an end");
        assert_eq!((namespace, link.name.as_str()), ("a", "eth0"));
        assert_eq!(link.addresses, ["10.0.0.1/24"]);
    }

    #[test]
    fn a_report_that_is_no_json_is_an_error() {
        assert!(read("\n=== first\nDevice not found\n").is_err());
    }
}
