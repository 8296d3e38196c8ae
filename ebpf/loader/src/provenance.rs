//! Which program it was: for a result's record.

use aya::programs::{ProgramError, ProgramInfo, SchedClassifier, TcAttachType, loaded_programs};

use crate::object::program_error;
use crate::{Error, Result};

const GONE: i32 = rustix::io::Errno::NOENT.raw_os_error();

/// The embedded objects: name and SHA-256 in hexadecimal, as the build script wrote them.
pub const OBJECTS: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/objects.rs"));

/// A loaded program as the kernel names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// The kernel's number of this loaded instance.
    pub id: u32,
    /// The kernel's hash of the instructions: equal for equal programs.
    pub tag: u64,
    /// The program's name.
    pub name: String,
    /// Instructions that the verifier walked through, where the kernel says (5.16).
    pub verified_instructions: Option<u32>,
}

impl Provenance {
    pub(crate) fn of(info: &ProgramInfo) -> Self {
        Self {
            id: info.id(),
            tag: info.tag(),
            name: info.name_as_str().unwrap_or_default().to_owned(),
            verified_instructions: info.verified_instruction_count(),
        }
    }
}

/// The loaded programs of these kernel numbers, in the order of the numbers; those that are gone are
/// left out.
///
/// # Errors
/// Missing privilege.
pub fn programs_of(ids: &[u32]) -> Result<Vec<Provenance>> {
    let mut found = Vec::new();
    for info in loaded() {
        let info = info?;
        if ids.contains(&info.id()) {
            found.push(Provenance::of(&info));
        }
    }
    found.sort_by_key(|program| program.id);
    Ok(found)
}

/// Every loaded program, but for one that ends between the listing and the look.
pub(crate) fn loaded() -> impl Iterator<Item = Result<ProgramInfo>> {
    loaded_programs().filter_map(|info| match info {
        Err(ProgramError::SyscallError(call)) if call.io_error.raw_os_error() == Some(GONE) => None,
        info => Some(info.map_err(lookup)),
    })
}

/// The programs attached to the egress side of a device of the calling thread's namespace.
///
/// # Errors
/// Missing privilege, or a kernel before 6.6, which cannot be asked.
pub fn egress_programs(device: &str) -> Result<Vec<Provenance>> {
    let queried = SchedClassifier::query_tcx(device, TcAttachType::Egress).map_err(lookup)?;
    Ok(queried.1.iter().map(Provenance::of).collect())
}

fn lookup(error: ProgramError) -> Error {
    program_error("a loaded program")(error)
}
