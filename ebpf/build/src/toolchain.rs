//! Which compiler and which linker can build for BPF here.
//!
//! Building `core` for BPF needs the compiler's own library sources and unstable flags. Either a
//! rustup nightly with `rust-src` has both, or any compiler whose sources lie in its sysroot does,
//! with RUSTC_BOOTSTRAP=1: Debian's `rustc-web` with `rust-web-src` is one. The ordinary stable
//! toolchain stays untouched.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A compiler and a linker that fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toolchain {
    /// The compiler.
    pub rustc: PathBuf,
    /// The cargo to run it with.
    pub cargo: PathBuf,
    /// What `rustc -vV` says: version and LLVM.
    pub version: String,
    /// bpf-linker.
    pub linker: PathBuf,
}

/// What is not there. Each says in one sentence what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    /// No compiler with its library sources.
    #[error(
        "the eBPF programs need a Rust compiler with its library sources, and none was found: run \
         ./setup"
    )]
    Compiler,
    /// No bpf-linker.
    #[error("the eBPF programs need bpf-linker, and none was found: run ./setup")]
    Linker,
}

/// Names the environment variable that points to another bpf-linker.
pub(crate) const LINKER_VARIABLE: &str = "STEERBENCH_BPF_LINKER";

/// Looks for a toolchain; `root` is the repository, whose `.tools/bin` comes first.
///
/// # Errors
/// [`Missing`] names the first part that is not there.
pub fn find(root: &Path) -> Result<Toolchain, Missing> {
    let (rustc, cargo, version) = find_compiler().ok_or(Missing::Compiler)?;
    let linker = find_linker(root).ok_or(Missing::Linker)?;
    Ok(Toolchain {
        rustc,
        cargo,
        version,
        linker,
    })
}

fn find_compiler() -> Option<(PathBuf, PathBuf, String)> {
    let nightly = rustup_which("rustc");
    let outer = env::var_os("RUSTC").map(PathBuf::from);
    let system = ["/usr/bin/rustc", "/usr/local/bin/rustc"].map(PathBuf::from);
    for rustc in nightly.into_iter().chain(outer).chain(system) {
        if has_sources(&rustc)
            && let Some(version) = output(Command::new(&rustc).arg("-vV"))
        {
            return Some((rustc, find_cargo()?, version));
        }
    }
    None
}

/// The path of a tool of rustup's nightly toolchain, where both exist.
fn rustup_which(tool: &str) -> Option<PathBuf> {
    let path = output(Command::new("rustup").args(["which", "--toolchain", "nightly", tool]))?;
    Some(PathBuf::from(path.trim()))
}

/// The cargo that runs the build script, or the first one on the PATH.
fn find_cargo() -> Option<PathBuf> {
    env::var_os("CARGO")
        .map(PathBuf::from)
        .or_else(|| on_path("cargo"))
}

fn has_sources(rustc: &Path) -> bool {
    output(Command::new(rustc).args(["--print", "sysroot"])).is_some_and(|sysroot| {
        let library = Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library");
        library.join("core/Cargo.toml").is_file()
    })
}

fn find_linker(root: &Path) -> Option<PathBuf> {
    const NAME: &str = "bpf-linker";
    let named = env::var_os(LINKER_VARIABLE).map(PathBuf::from);
    let home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")));
    named
        .into_iter()
        .chain([root.join(".tools/bin").join(NAME)])
        .chain(on_path(NAME))
        .chain(home.map(|home| home.join("bin").join(NAME)))
        .find(|path| path.is_file())
}

fn on_path(name: impl AsRef<OsStr>) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(name.as_ref()))
        .find(|file| file.is_file())
}

/// Standard output of a command that succeeds.
fn output(command: &mut Command) -> Option<String> {
    // A toolchain chosen for the outer build must not choose here; nothing is installed by asking.
    let output = command
        .env_remove("RUSTUP_TOOLCHAIN")
        .env("RUSTUP_AUTO_INSTALL", "0")
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()
}
