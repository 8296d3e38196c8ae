//! Compiles the eBPF programs, so that the crate can embed them.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use ebpf_build::{Layout, compile};
use sha2::{Digest, Sha256};

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
    let built = compile(&layout, &out_dir);
    if let Err(error) = &built {
        // Said through cargo, not by a panic: the sentence alone is what the user needs.
        for line in error.to_string().lines() {
            println!("cargo::error={line}");
        }
    }
    if let Ok(built) = built {
        write_hashes(&built.names, &out_dir);
    }
}

/// Which objects were embedded, for results: `OBJECTS`, a list of names and SHA-256.
fn write_hashes(names: &[String], out_dir: &Path) {
    let entries = names.iter().map(|name| {
        let object = fs::read(out_dir.join(name)).expect("it was just written");
        let digest = Sha256::digest(object);
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("    ({name:?}, {hex:?}),\n")
    });
    let list: String = entries.collect();
    let text = format!("&[\n{list}]\n");
    fs::write(out_dir.join("objects.rs"), text).expect("cargo's folder can be written");
}
