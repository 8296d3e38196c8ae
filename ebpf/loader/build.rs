//! Compiles the eBPF programs, so that the crate can embed them.

use std::env;
use std::path::{Path, PathBuf};

use ebpf_build::{Layout, compile};

fn main() {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out_dir = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let root = here
        .ancestors()
        .nth(2)
        .unwrap_or(Path::new("/"))
        .to_path_buf();
    let layout = Layout { root };
    for source in layout.sources() {
        println!("cargo::rerun-if-changed={}", source.display());
    }
    // Cargo takes a path that is not there for one that has changed, at every build.
    let tools = layout.root.join(".tools/bin");
    if tools.is_dir() {
        println!("cargo::rerun-if-changed={}", tools.display());
    }
    println!("cargo::rerun-if-env-changed=STEERBENCH_BPF_LINKER");
    if let Err(error) = compile(&layout, &out_dir) {
        // Said through cargo, not by a panic: the sentence alone is what the user needs.
        for line in error.to_string().lines() {
            println!("cargo::error={line}");
        }
    }
}
