//! What differs from node to node. Every contender of the benchmark is given the same values and the same template.

/// The template of `keepalived.conf`; `@key@` stands for a value.
pub const TEMPLATE: &str = include_str!("../keepalived.conf");

/// Number of a pair's address in the nodes' network: beyond the nodes' own.
const FIRST_VIP: usize = 120;

/// The values of the node at this place of the list of nodes: of `(name, address)`.
pub fn values(nodes: &[(&str, &str)], place: usize) -> [(&'static str, String); 6] {
    let pair = place / 2;
    let (name, address) = nodes[place];
    // The last of an odd number has no partner; the one before it hears what it says.
    let peer = nodes.get(place ^ 1).or_else(|| nodes.get(place.wrapping_sub(1))).unwrap_or(&nodes[place]).1;
    let network = address.rsplit_once('.').map_or(address, |(network, _)| network);
    [
        ("node", name.to_owned()),
        ("address", address.to_owned()),
        ("peer", peer.to_owned()),
        ("vip", format!("{network}.{}", FIRST_VIP + pair)),
        ("vrid", (pair + 1).to_string()),
        ("priority", (150 - 10 * (place % 2)).to_string()),
    ]
}

/// The template with values in place.
pub fn filled(values: &[(&str, String)]) -> String {
    values.iter().fold(TEMPLATE.to_owned(), |text, (key, value)| text.replace(&format!("@{key}@"), value))
}
