//! Starts the inner cargo.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache::Cache;
use crate::inputs::fingerprint;
use crate::{Layout, Missing, Toolchain, find};

/// The compiled objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// Names of the programs, sorted; each is a file of that name in the output folder.
    pub names: Vec<String>,
    /// Whether the inner cargo ran, or the objects were found.
    pub compiled: bool,
}

/// Why there are no objects.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A part of the toolchain is missing.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// A file could not be read or written.
    #[error("the eBPF programs could not be built: {0}")]
    Io(#[from] io::Error),
    /// The inner cargo failed; its own words follow.
    #[error("the eBPF programs do not compile:\n{0}")]
    Cargo(String),
}

const TARGET: &str = "bpfel-unknown-none";

/// Flags of the inner compiler. CPU v3 (kernel 5.1) has 32-bit operations and jumps. Packet loads
/// are unaligned, and x86-64 and arm64 kernels accept them whole; without the feature LLVM takes
/// them apart into bytes. The linker, left to itself, has LLVM call `memset` and `memmove` for whatever
/// is filled or moved, however short: loops over bytes, 64 rounds for the question of a FIB lookup. Told
/// not to, LLVM writes the few words there and then.
fn flags(linker: &Path) -> String {
    let arch = if cfg!(target_arch = "aarch64") {
        "aarch64"
    } else {
        "x86_64"
    };
    [
        format!("-Clinker={}", linker.display()),
        format!("--cfg=bpf_target_arch=\"{arch}\""),
        "-Ctarget-cpu=v3".to_owned(),
        "-Cdebuginfo=2".to_owned(),
        "-Clink-arg=--btf".to_owned(),
        "-Clink-arg=--cpu-features=+allows-misaligned-mem-access".to_owned(),
        "-Clink-arg=--disable-expand-memcpy-in-order".to_owned(),
    ]
    .join("\x1f")
}

/// Compiles the programs, or finds them compiled, and copies the objects into `out_dir`.
///
/// # Errors
/// See [`Error`]; a missing toolchain is one sentence.
pub fn compile(layout: &Layout, out_dir: &Path) -> Result<Built, Error> {
    let toolchain = find(&layout.root)?;
    let names = layout.names()?;
    let flags = flags(&toolchain.linker);
    let fingerprint = fingerprint(layout, &toolchain, &flags)?;
    let cache = Cache::open(out_dir)?;
    let (objects, compiled) = match cache.find(&fingerprint) {
        Some(folder) => (folder, false),
        None => {
            let target = cache.cargo_target();
            run_cargo(layout, &toolchain, &flags, &target)?;
            let made = target.join(TARGET).join("release");
            (cache.keep(&fingerprint, &made, &names)?, true)
        }
    };
    for name in &names {
        fs::copy(objects.join(name), out_dir.join(name))?;
    }
    Ok(Built { names, compiled })
}

fn run_cargo(
    layout: &Layout,
    toolchain: &Toolchain,
    flags: &str,
    target: &PathBuf,
) -> Result<(), Error> {
    let mut command = Command::new(&toolchain.cargo);
    // Clippy, wrappers and the outer profile put these there, for the outer build only.
    let cleared = [
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTFLAGS",
        "RUSTUP_TOOLCHAIN",
        "CARGO_BUILD_TARGET",
        "CARGO_INCREMENTAL",
        "CARGO_PROFILE_DEV_DEBUG",
        "CARGO_PROFILE_RELEASE_DEBUG",
        "CLIPPY_ARGS",
        "CLIPPY_CONF_DIR",
        "__CARGO_FIX_YOLO",
    ];
    for name in cleared {
        command.env_remove(name);
    }
    let output = command
        .args([
            "build",
            "--release",
            "--locked",
            "--quiet",
            "--bins",
            "-Zbuild-std=core",
        ])
        .args(["--target", TARGET])
        .current_dir(layout.programs())
        .env("RUSTC", &toolchain.rustc)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_ENCODED_RUSTFLAGS", flags)
        .env("CARGO_TARGET_DIR", target)
        .output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::Cargo(
        String::from_utf8_lossy(&output.stderr).into_owned(),
    ))
}
