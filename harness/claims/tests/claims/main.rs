//! Claims from outside: what their authors are told, and what runs say of them.

mod conditions;
mod errors;
mod forwarding;
mod isolation;
mod shipped;
mod support;
mod verdicts;
