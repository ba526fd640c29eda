//! Reading what programs print: tables, blocks of `key: value`, ANSI escapes. Anything odd is skipped, never a panic.

/// Without ANSI escape sequences (colours, cursor movement, titles).
pub fn strip_ansi(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        if char != '\u{1b}' {
            out.push(char);
            continue;
        }
        match chars.next() {
            // CSI: parameters, then one final byte.
            Some('[') => {
                for next in chars.by_ref() {
                    if ('\u{40}'..='\u{7e}').contains(&next) {
                        break;
                    }
                }
            }
            // OSC: up to BEL or ESC \.
            Some(']') => {
                while let Some(next) = chars.next() {
                    if next == '\u{7}' {
                        break;
                    }
                    if next == '\u{1b}' {
                        chars.next_if_eq(&'\\');
                        break;
                    }
                }
            }
            _ => {}
        }
    }
    out
}

/// A table with a header, as `grctl node list` prints it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    headers: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// A row of a [`Table`].
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    table: &'a Table,
    cells: &'a [String],
}

impl Table {
    /// Its rows.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|cells| Row { table: self, cells })
    }
    /// The names of its columns.
    pub fn headers(&self) -> &[String] {
        &self.headers
    }
    /// The first row that has this in this column.
    pub fn find(&self, header: &str, value: &str) -> Option<Row<'_>> {
        self.rows().find(|row| row.get(header) == Some(value))
    }
    /// No rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl<'a> Row<'a> {
    /// The cell below this header, trimmed. `None`: the table has no such column, or the row is too short.
    pub fn get(&self, header: &str) -> Option<&'a str> {
        let place = self.table.headers.iter().position(|known| known == header)?;
        self.cells.get(place).map(String::as_str)
    }
}

/// All tables of `| a | b |` lines, ANSI stripped, in order: a line that is no part of a table ends it. Lines of `+---+` are
/// skipped wherever they stand; the first row is the header.
pub fn tables(text: &str) -> Vec<Table> {
    let mut tables = Vec::new();
    let mut open: Option<Table> = None;
    for line in strip_ansi(text).lines() {
        let line = line.trim();
        if line.starts_with('+') {
            continue;
        }
        let Some(inner) = line.strip_prefix('|') else {
            tables.extend(open.take());
            continue;
        };
        let inner = inner.strip_suffix('|').unwrap_or(inner);
        let cells: Vec<String> = inner.split('|').map(|cell| cell.trim().to_owned()).collect();
        match &mut open {
            None => open = Some(Table { headers: cells, rows: Vec::new() }),
            Some(table) => table.rows.push(cells),
        }
    }
    tables.extend(open);
    tables
}

/// The first of [`tables`] that has this header. `None`: there is none, which is not the same as an empty table.
pub fn table(text: &str, header: &str) -> Option<Table> {
    tables(text).into_iter().find(|table| table.headers.iter().any(|known| known == header))
}

/// Lines of `key: value` (as `gluster volume info` prints them); a line `key:` has an empty value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Block {
    lines: Vec<(String, String)>,
}

impl Block {
    /// The first value of this key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.lines.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    }
    /// All values of keys that begin with this, with the key, in order: `Brick1`, `Brick2`.
    pub fn starting<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.lines.iter().filter(move |(key, _)| key.starts_with(prefix)).map(|(key, value)| (key.as_str(), value.as_str()))
    }
    /// All lines, in order.
    pub fn lines(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lines.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

/// Blocks of `key: value` lines, each beginning with this key. ANSI stripped; lines without `:` and everything before the first block
/// are skipped, empty lines do not matter (gluster prints them inside a volume).
pub fn blocks(text: &str, first_key: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    for line in strip_ansi(text).lines() {
        let Some((key, value)) = line.split_once(':') else { continue };
        let (key, value) = (key.trim(), value.trim());
        if key == first_key {
            blocks.push(Block::default());
        }
        if let Some(block) = blocks.last_mut() {
            block.lines.push((key.to_owned(), value.to_owned()));
        }
    }
    blocks
}

/// The values of `KEY="value"`, `KEY=value` or `KEY: value` lines for this key, unquoted, in order: shells take the last, many
/// files are appended to.
pub fn assignments<'a>(text: &'a str, key: &'a str) -> impl Iterator<Item = &'a str> {
    text.lines().filter_map(move |line| {
        let rest = line.trim().strip_prefix(key)?.trim_start();
        let value = rest.strip_prefix(['=', ':'])?.trim();
        let unquoted = |quote| value.strip_prefix(quote).and_then(|value| value.strip_suffix(quote));
        Some(unquoted('"').or_else(|| unquoted('\'')).unwrap_or(value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_list_with_colours_and_a_separator_in_the_middle() {
        let text = "noise\n+-----+----+\n| Uid | IP        | Status |\n+---+\n| 1 | 10.0.0.11 | \u{1b}[0;32;32mrunning\u{1b}[0m |\n+---+\n| 2 | 10.0.0.21 | offline(unschedulable) |\n+---+\n";
        let table = table(text, "Uid").unwrap();
        assert_eq!(table.rows().count(), 2);
        assert_eq!(table.find("IP", "10.0.0.11").unwrap().get("Status"), Some("running"));
        assert_eq!(table.find("IP", "10.0.0.21").unwrap().get("Status"), Some("offline(unschedulable)"));
        assert_eq!(table.find("IP", "10.0.0.21").unwrap().get("NodeMode"), None);
        assert!(super::table("The current cluster api server is not working properly.", "Uid").is_none());
    }

    #[test]
    fn two_tables_in_one_output_stay_apart() {
        let text = "| Service | Message |\n| Ready | |\n\n| Uid | IP |\n| 1 | a |\n";
        assert_eq!(tables(text).len(), 2);
        assert_eq!(table(text, "Service").unwrap().rows().next().unwrap().get("Message"), Some(""));
    }

    #[test]
    fn volumes_of_gluster() {
        let text = "\nVolume Name: data\nType: Replicate\nBricks:\nBrick1: a:/data/brick\nBrick2: b:/data/brick\nOptions Reconfigured:\nnetwork.ping-timeout: 5\n\nVolume Name: other\nType: Distribute\n";
        let volumes = blocks(text, "Volume Name");
        assert_eq!(volumes.len(), 2);
        assert_eq!(volumes[0].starting("Brick").skip(1).map(|(_, brick)| brick).collect::<Vec<_>>(), ["a:/data/brick", "b:/data/brick"]);
        assert_eq!(volumes[0].get("network.ping-timeout"), Some("5"));
        assert_eq!(volumes[1].get("Type"), Some("Distribute"));
    }

    #[test]
    fn the_last_of_repeated_assignments() {
        let text = "A=\"1\"\nAB=3\nA=\"2\"\n A: 'x y'\n";
        assert_eq!(assignments(text, "A").collect::<Vec<_>>(), ["1", "2", "x y"]);
    }

    #[test]
    fn escapes_of_every_kind_vanish() {
        assert_eq!(strip_ansi("a\u{1b}[0;32mb\u{1b}]0;title\u{7}c\u{1b}]8;;x\u{1b}\\d\u{1b}"), "abcd");
    }
}

#[cfg(test)]
mod fuzz {
    use super::*;

    const SAID: [&str; 3] = [
        "+-----+-------+\n| Uid | IP    |\n+-----+-------+\n| 1   | \u{1b}[0;32;32m10.0.0.1\u{1b}[0m |\n+-----+-------+\nnoise\n| Service | N |\n| a | 1/2 |\n",
        "Volume Name: data\nType: Replicate\nStatus: Started\nBricks:\nBrick1: a:/data/b\nOptions Reconfigured:\nauth.allow: *\n",
        "A=\"1\"\nA: 2\nA='3'\nexport A=4\n",
    ];

    #[test]
    fn what_programs_print() {
        arcus_fuzz::text(&SAID, &["\u{1b}[", "\u{1b}]0;x\u{7}", "\u{1b}]8;;\u{1b}\\", "| Uid |", "+--+", "||", "Volume Name:", "A=\""], |text| {
            assert!(!strip_ansi(text).contains('\u{1b}'));
            for table in tables(text) {
                for row in table.rows() {
                    for header in table.headers() {
                        assert!(row.get(header).is_none_or(|cell| cell == cell.trim() && !cell.contains(['|', '\n'])));
                    }
                }
            }
            for block in blocks(text, "Volume Name") {
                assert!(block.get("Volume Name").is_some());
            }
            for value in assignments(text, "A") {
                assert!(text.contains(value));
            }
        });
    }
}
