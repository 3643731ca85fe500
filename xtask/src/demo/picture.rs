//! Drawing a network: a box for each namespace, and the bridge that joins them below.

use super::report::{Link, Network};

/// The picture, a line for each bridge with what hangs on it.
pub(crate) fn draw(network: &Network) -> String {
    let mut picture = String::new();
    for bridge in network.bridges() {
        picture.push_str(&draw_bridge(network, bridge));
    }
    if picture.is_empty() {
        picture.push_str("(the kernel reports no bridge)\n");
    }
    picture
}

/// One cable from the bridge: the far box and the port's name.
struct Column {
    title: String,
    body: Vec<String>,
    port: String,
    width: usize,
}

fn draw_bridge(network: &Network, bridge: &Link) -> String {
    let mut columns: Vec<Column> =
        network.ports(bridge).map(|port| column(network, port)).collect();
    let height = columns.iter().map(|column| column.body.len()).max().unwrap_or(0);
    for column in &mut columns {
        column.body.resize(height, String::new());
    }

    let mut lines = vec![String::new(); height + 3];
    for column in &columns {
        let width = column.width;
        let centre = width / 2;
        let mut rows = vec![format!("┌{}┐", around(&format!(" {} ", column.title), '─', width))];
        rows.extend(column.body.iter().map(|text| format!("│{}│", around(text, ' ', width))));
        let (left, right) = ("─".repeat(centre), "─".repeat(width - centre - 1));
        rows.push(format!("└{left}┬{right}┘"));
        rows.push(format!("{}│{}", " ".repeat(centre + 1), " ".repeat(width - centre)));
        for (line, row) in lines.iter_mut().zip(rows) {
            line.push_str("  ");
            line.push_str(&row);
        }
    }

    // The bridge's box spans the columns; each cable ends at its port.
    let span: usize = columns.iter().map(|column| column.width + 4).sum::<usize>();
    let label = format!(" {} ", describe(bridge).join("  "));
    let inner = span.saturating_sub(4).max(label.chars().count());
    let mut top = String::new();
    let mut ports = String::new();
    for column in &columns {
        let centre = column.width / 2;
        top.push_str(&format!("{}┴{}", "─".repeat(centre + 3), "─".repeat(column.width - centre)));
        let left = centre + 3 - column.port.chars().count() / 2;
        let name = format!("{}{}", " ".repeat(left), column.port);
        ports.push_str(&format!("{name:<0$}", column.width + 4));
    }
    // The first column's margin is outside of the box.
    let top: String = top.chars().skip(3).chain(std::iter::repeat('─')).take(inner).collect();
    let ports: String = ports.chars().skip(3).chain(std::iter::repeat(' ')).take(inner).collect();
    lines.push(format!("  ┌{top}┐"));
    lines.push(format!("  │{ports}│"));
    lines.push(format!("  │{}│", around(&label, ' ', inner)));
    lines.push(format!("  └{}┘", "─".repeat(inner)));
    lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

fn column(network: &Network, port: &Link) -> Column {
    let (title, body) = match network.other_end(port) {
        Some((namespace, link)) => (namespace.to_owned(), describe(link)),
        None => ("?".to_owned(), vec!["not reported".to_owned()]),
    };
    let port = port.name.clone();
    let texts = body.iter().chain([&title, &port]);
    let width = texts.map(|text| text.chars().count() + 4).max().unwrap_or(0);
    Column { title, body, port, width }
}

/// A link in words: name and kind, state, addresses.
fn describe(link: &Link) -> Vec<String> {
    let kind = link.kind.as_deref().unwrap_or("loopback");
    let mut words = vec![format!("{} ({kind}) {}", link.name, link.state)];
    words.extend(link.addresses.iter().cloned());
    words
}

/// `text` in the middle of `width` characters.
fn around(text: &str, filler: char, width: usize) -> String {
    let free = width.saturating_sub(text.chars().count());
    let fill = |count| std::iter::repeat_n(filler, count).collect::<String>();
    format!("{}{text}{}", fill(free / 2), fill(free - free / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(name: &str, kind: &str, address: Option<&str>) -> Link {
        Link {
            name: name.to_owned(),
            kind: Some(kind.to_owned()),
            state: "UP".to_owned(),
            addresses: address.map(str::to_owned).into_iter().collect(),
            ..Link::default()
        }
    }

    fn network() -> Network {
        let mut network = Network::default();
        network.first.push(link("br0", "bridge", Some("10.0.0.254/24")));
        for (index, name) in [(2, "red"), (3, "green")] {
            let mut port = link(&format!("to-{name}"), "veth", None);
            port.master = Some("br0".to_owned());
            port.peer = Some((index, index));
            network.first.push(port);
            let mut far = link("eth0", "veth", Some(&format!("10.0.0.{index}/24")));
            far.index = index;
            network.namespaces.push((name.to_owned(), vec![far]));
            network.ids.insert(index, name.to_owned());
        }
        network
    }

    #[test]
    fn two_namespaces_on_a_bridge_look_like_this() {
        let expected = "  ┌────── red ───────┐  ┌───── green ──────┐
  │  eth0 (veth) UP  │  │  eth0 (veth) UP  │
  │   10.0.0.2/24    │  │   10.0.0.3/24    │
  └─────────┬────────┘  └─────────┬────────┘
            │                     │
  ┌─────────┴─────────────────────┴────────┐
  │      to-red               to-green     │
  │     br0 (bridge) UP  10.0.0.254/24     │
  └────────────────────────────────────────┘
";
        let drawn = draw(&network());
        assert_eq!(drawn, expected, "\n{drawn}");
    }

    #[test]
    fn every_line_of_a_box_has_the_same_width() {
        let drawn = draw(&network());
        let widths: Vec<usize> = drawn.lines().map(|line| line.chars().count()).collect();
        assert_eq!(widths[0], widths[1]);
        assert!(widths[5..].iter().all(|width| *width == widths[0]), "{widths:?}\n{drawn}");
    }

    #[test]
    fn a_network_without_a_bridge_is_said_to_have_none() {
        assert!(draw(&Network::default()).contains("no bridge"));
    }
}
