//! What docs/results.md says of a file.

/// The page that describes every file of a result.
pub(crate) const PAGE: &str = include_str!("../../../../docs/results.md");

/// The first cells of the table below the heading of `file`, in order.
pub(crate) fn documented(file: &str) -> Vec<String> {
    let heading = format!("## `{file}`\n");
    let (_, section) = PAGE
        .split_once(&heading)
        .unwrap_or_else(|| panic!("docs/results.md has no section {heading}"));
    let section = section.split("\n## ").next().unwrap_or_default();
    section
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(name, _)| name.to_owned())
        .collect()
}
