//! Plain text tables: columns as wide as their widest cell, numbers to the right.

use std::fmt;

/// A table that is printed whole.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these column titles. A title that begins with `>` aligns its column right.
    pub(crate) fn new(titles: &[&str]) -> Self {
        Self {
            rows: vec![titles.iter().map(|&title| title.to_owned()).collect()],
        }
    }

    /// Adds a row; cells beyond the titles are an error of the caller and are dropped.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    fn width(&self, column: usize) -> usize {
        let shown =
            |row: &Vec<String>| row.get(column).map_or(0, |cell| bare(cell).chars().count());
        self.rows.iter().map(shown).max().unwrap_or(0)
    }
}

fn bare(cell: &str) -> &str {
    cell.strip_prefix('>').unwrap_or(cell)
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(titles) = self.rows.first() else {
            return Ok(());
        };
        let widths: Vec<usize> = (0..titles.len()).map(|column| self.width(column)).collect();
        for (index, row) in self.rows.iter().enumerate() {
            let mut line = String::new();
            for ((cell, title), width) in row.iter().zip(titles).zip(&widths) {
                let cell = if index == 0 {
                    bare(cell)
                } else {
                    cell.as_str()
                };
                let width = *width;
                let padded = if title.starts_with('>') {
                    format!("{cell:>width$}")
                } else {
                    format!("{cell:<width$}")
                };
                line.push_str(&padded);
                line.push_str("  ");
            }
            writeln!(f, "{}", line.trim_end())?;
            if index == 0 {
                let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
                writeln!(f, "{}", rules.join("  "))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_right_and_text_left() {
        let mut table = Table::new(&["system", ">p99"]);
        table.row(vec!["sphinx".into(), "7".into()]);
        table.row(vec!["memcached".into(), "112".into()]);
        assert_eq!(
            table.to_string(),
            "system     p99\n---------  ---\nsphinx       7\nmemcached  112\n"
        );
    }
}
