//! Source files that no crate compiles.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

/// Files under a crate's `src` that no chain of `mod` declarations reaches from a crate root.
pub(crate) fn check(root: &Path, files: &[PathBuf]) -> Result<Vec<String>> {
    let mut reached = BTreeSet::new();
    for file in files.iter().filter(|file| is_root(file)) {
        reach(file, true, &mut reached)?;
    }
    Ok(files
        .iter()
        .filter(|file| {
            file.canonicalize()
                .is_ok_and(|file| !reached.contains(&file))
        })
        .map(|file| {
            let shown = file.strip_prefix(root).unwrap_or(file).display();
            format!("{shown}: no module declares this file")
        })
        .collect())
}

/// A file that cargo compiles by itself: lib.rs, main.rs, build.rs, and each file directly in
/// src/bin, tests, benches, examples or fuzz_targets.
fn is_root(file: &Path) -> bool {
    let name = file
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let parent = file
        .parent()
        .and_then(Path::file_name)
        .and_then(|name| name.to_str());
    let in_target_folder = matches!(
        parent,
        Some("bin" | "tests" | "benches" | "examples" | "fuzz_targets")
    );
    let in_src = parent == Some("src") && matches!(name, "lib.rs" | "main.rs");
    // A folder of tests/, benches/ or src/bin with a main.rs is one target.
    let grandparent = file
        .ancestors()
        .nth(2)
        .and_then(Path::file_name)
        .and_then(|n| n.to_str());
    let target_folder =
        name == "main.rs" && matches!(grandparent, Some("bin" | "tests" | "benches"));
    in_target_folder || in_src || target_folder || name == "build.rs"
}

fn reach(file: &Path, is_root: bool, reached: &mut BTreeSet<PathBuf>) -> Result<()> {
    // A declared path may climb (`../fixtures/mod.rs`); one file has one canonical path.
    if !reached.insert(file.canonicalize()?) {
        return Ok(());
    }
    let syntax = syn::parse_file(&fs::read_to_string(file)?)?;
    let folder = file.parent().unwrap_or(Path::new("."));
    let stem = file
        .file_stem()
        .and_then(|stem| stem.to_str())
        .unwrap_or_default();
    let below = if is_root || stem == "mod" {
        folder.to_path_buf()
    } else {
        folder.join(stem)
    };
    reach_items(&syntax.items, folder, &below, reached)
}

fn reach_items(
    items: &[syn::Item],
    folder: &Path,
    below: &Path,
    reached: &mut BTreeSet<PathBuf>,
) -> Result<()> {
    for item in items {
        let syn::Item::Mod(module) = item else {
            continue;
        };
        let name = module.ident.to_string();
        if let Some((_, inner)) = &module.content {
            reach_items(inner, folder, &below.join(&name), reached)?;
            continue;
        }
        let candidates = match declared_path(module) {
            Some(path) => vec![folder.join(path)],
            None => vec![
                below.join(format!("{name}.rs")),
                below.join(&name).join("mod.rs"),
            ],
        };
        for candidate in candidates
            .into_iter()
            .filter(|candidate| candidate.is_file())
        {
            reach(&candidate, false, reached)?;
        }
    }
    Ok(())
}

/// The file that a `#[path = "..."]` attribute names.
fn declared_path(module: &syn::ItemMod) -> Option<String> {
    module.attrs.iter().find_map(|attribute| {
        let syn::Meta::NameValue(pair) = &attribute.meta else {
            return None;
        };
        let syn::Expr::Lit(literal) = &pair.value else {
            return None;
        };
        let syn::Lit::Str(text) = &literal.lit else {
            return None;
        };
        pair.path.is_ident("path").then(|| text.value())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crate_roots_are_recognised() {
        for root in [
            "a/src/lib.rs",
            "a/src/main.rs",
            "a/build.rs",
            "a/src/bin/x.rs",
            "a/tests/t.rs",
        ] {
            assert!(is_root(Path::new(root)), "{root}");
        }
        for inner in ["a/src/x.rs", "a/src/x/mod.rs", "a/src/x/lib_like.rs"] {
            assert!(!is_root(Path::new(inner)), "{inner}");
        }
    }
}
