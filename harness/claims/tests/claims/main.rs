//! Claims from outside: what their authors are told, and what runs say of them.

mod conditions;
mod errors;
mod forwarding;
mod frames;
mod isolation;
mod shapes;
mod shipped;
mod support;
mod verdicts;
