//! Style as a test: what reviewers would otherwise have to say again and again.

mod layers;
mod orphans;
mod sources;

use std::path::Path;

use anyhow::{Result, bail};

/// Checks the whole tree; prints every finding and fails if there is one.
pub(crate) fn run(root: &Path) -> Result<()> {
    let files = sources::collect(root)?;
    let mut findings = Vec::new();
    for file in &files {
        findings.extend(sources::check(root, file)?);
    }
    findings.extend(orphans::check(root, &files)?);
    findings.extend(layers::check(root)?);
    if findings.is_empty() {
        println!("tidy: {} source files, nothing to say", files.len());
        return Ok(());
    }
    for finding in &findings {
        eprintln!("{finding}");
    }
    bail!("tidy: {} findings", findings.len())
}
