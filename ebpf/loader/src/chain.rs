//! What all XDP programs of this crate have in common.

use aya::programs::ProgramFd;

use crate::Result;

/// A loaded XDP program of this crate.
pub trait XdpProgram {
    /// Its descriptor.
    ///
    /// # Errors
    /// When the program is not loaded any more.
    fn program_fd(&self) -> Result<&ProgramFd>;
}

/// Gives a type with a field `ebpf` and a constant `NAME` the methods of an XDP program; or, as `named`, one
/// with a method `name` that says which of its programs was loaded.
macro_rules! xdp_methods {
    ($type:ident) => {
        impl $type {
            const fn name(&self) -> &'static str {
                Self::NAME
            }
        }
        crate::chain::xdp_methods!(named $type);
    };
    (named $type:ident) => {
        impl $type {
            /// Attaches to a device of the calling thread's network namespace: native mode only, by
            /// a link that the result holds.
            ///
            /// # Errors
            /// [`crate::Error::NoNativeXdp`], with the remedy.
            pub fn attach(&mut self, ifindex: u32) -> crate::Result<crate::Attached> {
                let name = self.name();
                let program = crate::object::program(&mut self.ebpf, name)?;
                crate::attach::xdp(name, program, ifindex, crate::attach::Place::Driver)
            }

            /// Runs the program `repeat` times over one frame, attached to nothing.
            ///
            /// # Errors
            /// When the kernel refuses the frame (below 14 bytes, or beyond a page) or the context.
            pub fn test_run(
                &self,
                frame: &[u8],
                repeat: u32,
                context: crate::TestContext,
            ) -> crate::Result<crate::TestRun> {
                crate::test_run::run(self.program()?, frame, repeat, context)
                    .map_err(crate::object::program_error(self.name()))
            }

            /// The program as the kernel names it.
            ///
            /// # Errors
            /// When the kernel does not tell.
            pub fn provenance(&self) -> crate::Result<crate::Provenance> {
                crate::object::provenance(&self.ebpf, self.name())
            }

            fn program(&self) -> crate::Result<&aya::programs::Program> {
                self.ebpf
                    .program(self.name())
                    .ok_or(crate::Error::Incomplete {
                        program: self.name(),
                        part: "program section",
                    })
            }
        }

        impl crate::XdpProgram for $type {
            fn program_fd(&self) -> crate::Result<&aya::programs::ProgramFd> {
                let error = crate::object::program_error(self.name());
                self.program()?.fd().map_err(error)
            }
        }
    };
}
pub(crate) use xdp_methods;
