//! Which program it was: for a result's record.

use aya::programs::ProgramInfo;

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
