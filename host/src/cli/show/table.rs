//! Rows under heads, without frames, so that they can be cut and grepped.

use crate::cli::safe::Safe;

/// Rows of cells, each column as wide as its widest cell, the last one as it comes.
pub fn table(rows: &[Vec<Safe>]) -> Safe {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> =
        (0..columns).map(|column| rows.iter().filter(|row| column + 1 < row.len()).filter_map(|row| row.get(column)).map(Safe::width).max().unwrap_or(0)).collect();
    let mut text = Safe::new();
    for row in rows {
        let mut cells: Vec<Safe> = row.iter().zip(&widths).map(|(cell, width)| cell.pad(*width)).collect();
        if let (Some(last), Some(bare)) = (cells.last_mut(), row.last()) {
            last.clone_from(bare);
        }
        text.line(&Safe::vouched(Safe::join(&cells, "  ").as_str().trim_end().to_owned()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::safe;

    #[test]
    fn columns_stand_under_each_other() {
        let rows = [vec![safe!("a"), safe!("long one"), safe!("x")], vec![safe!("bbb"), safe!("s"), safe!("y z")]];
        assert_eq!(table(&rows).as_str(), "a    long one  x\nbbb  s         y z\n");
    }
}
