//! Reading back what was written.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The rows of a table as maps from column to text, with the header.
pub(crate) fn table(path: &Path) -> (Vec<String>, Vec<BTreeMap<String, String>>) {
    let mut reader = csv::Reader::from_path(path).expect("a table");
    let header = reader
        .headers()
        .expect("a header")
        .iter()
        .map(String::from)
        .collect();
    (
        header,
        reader
            .deserialize()
            .collect::<Result<_, _>>()
            .expect("rows as wide as the header"),
    )
}

pub(crate) fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut names: Vec<_> = entries
        .map(|entry| {
            entry
                .expect("readable")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}
