//! docs/results.md names exactly the columns of the tables that are derived from recorded trials.

#[path = "../../../record/tests/support/page.rs"]
mod page;

use crate::made;
use page::documented;

const TEXT: &str = "name: twice
topology: {kind: veth}
systems:
- {system: sphinx, label: a, service: {fixed: 100 us}}
- {system: sphinx, label: b, service: {fixed: 100 us}}
workload: {keys: 1 k, key_size: 16 B, value_size: 64 B, popularity: uniform, get_ratio: 1.0}
load: {rates: [1 kreq/s]}
phases: {warmup: 100 ms, measure: 500 ms, timeout: 100 ms}
blocks: 10
floor: false
";

#[test]
fn every_column_of_a_derived_table_is_documented_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let run = made::run(folder.path(), TEXT, |_, data| made::latency(data, 100_000));
    analysis::record_tables(run.path()).unwrap();
    for file in ["comparison.csv", "aa_ab.csv"] {
        let table = std::fs::read_to_string(run.path().join(file)).unwrap();
        let written: Vec<&str> = table
            .lines()
            .next()
            .unwrap_or_default()
            .split(',')
            .collect();
        assert_eq!(
            documented(file),
            written,
            "{file}: left documented, right written"
        );
    }
}
