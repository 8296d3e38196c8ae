//! Each source file by itself: module documentation, its size, the length of its functions.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// Lines that a reader can hold as one concern.
const LONGEST_FILE: usize = 500;
/// Lines of one function.
const LONGEST_FUNCTION: usize = 100;
/// The folders that hold our sources.
const FOLDERS: [&str; 3] = ["ebpf", "workloads", "harness"];

/// Every Rust source file of the workspace and of the eBPF programs.
pub(crate) fn collect(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for folder in FOLDERS {
        walk(&root.join(folder), &mut found)?;
    }
    found.sort();
    Ok(found)
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            if !path.ends_with("target") {
                walk(&path, found)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(())
}

/// Findings of one file, each with its place.
pub(crate) fn check(root: &Path, path: &Path) -> Result<Vec<String>> {
    let text = fs::read_to_string(path)?;
    let shown = path
        .strip_prefix(root)
        .unwrap_or(path)
        .display()
        .to_string();
    Ok(findings(&shown, &text))
}

fn findings(shown: &str, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    let lines = text.lines().count();
    if lines > LONGEST_FILE {
        findings.push(format!(
            "{shown}: {lines} lines; more than {LONGEST_FILE} hide a second concern"
        ));
    }
    let syntax = match syn::parse_file(text) {
        Ok(syntax) => syntax,
        Err(error) => {
            findings.push(format!("{shown}: does not parse: {error}"));
            return findings;
        }
    };
    let documented = syntax
        .attrs
        .iter()
        .any(|attribute| attribute.path().is_ident("doc"));
    if !documented {
        findings.push(format!(
            "{shown}:1: no module documentation (//!) that says why it exists"
        ));
    }
    let mut functions = Functions {
        shown,
        findings: &mut findings,
    };
    functions.visit_file(&syntax);
    findings
}

struct Functions<'a> {
    shown: &'a str,
    findings: &'a mut Vec<String>,
}

impl Functions<'_> {
    fn measure(&mut self, name: &syn::Ident, block: &syn::Block) {
        let span = block.span();
        let lines = span.end().line - span.start().line;
        if lines > LONGEST_FUNCTION {
            self.findings.push(format!(
                "{}:{}: function {name} has {lines} lines (at most {LONGEST_FUNCTION})",
                self.shown,
                span.start().line
            ));
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.measure(&function.sig.ident, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.measure(&function.sig.ident, &function.block);
        visit::visit_impl_item_fn(self, function);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_module_documentation_is_found() {
        assert_eq!(
            findings("a.rs", "//! Why.\nfn f() {}\n"),
            Vec::<String>::new()
        );
        assert_eq!(
            findings("a.rs", "// Not documentation.\nfn f() {}\n").len(),
            1
        );
    }

    #[test]
    fn a_long_function_is_found_with_its_line() {
        let body = "    let _ = 1;\n".repeat(LONGEST_FUNCTION + 1);
        let found = findings("a.rs", &format!("//! Why.\nfn long() {{\n{body}}}\n"));
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("a.rs:2: function long"), "{found:?}");
    }

    #[test]
    fn a_long_file_is_found() {
        let text = format!("//! Why.\n{}", "const _: () = ();\n".repeat(LONGEST_FILE));
        assert_eq!(findings("a.rs", &text).len(), 1);
    }
}
