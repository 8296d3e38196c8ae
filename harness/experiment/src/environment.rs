//! What a reader needs to judge a result: the machine, and the version of this program.

use std::process::Command;

use anyhow::Result;
use record::Git;
use serde_json::Value;

/// The commit that this program was built from lies two folders above the crate; a binary that was
/// copied elsewhere does not know it.
const SOURCE: &str = env!("CARGO_MANIFEST_DIR");

/// The machine as `sys` sees it.
pub(crate) fn machine() -> Result<Value> {
    Ok(serde_json::to_value(
        sys::environment::Environment::gather(),
    )?)
}

/// The program's own version, if its source tree is still there.
pub(crate) fn git() -> Option<Git> {
    let commit = output(&["rev-parse", "HEAD"])?;
    let dirty = !output(&["status", "--porcelain"])?.is_empty();
    Some(Git { commit, dirty })
}

fn output(arguments: &[&str]) -> Option<String> {
    // Root that runs a user's tree is refused by git unless the folder is declared safe.
    let output = Command::new("git")
        .args(["-c", "safe.directory=*", "-C", SOURCE])
        .args(arguments)
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
