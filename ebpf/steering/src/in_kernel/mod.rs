//! What a program in the kernel needs in order to answer requests itself: for a store in XDP
//! (KV-Direct, SOSP 2017), for a cache in the path of a server (NetCache, SOSP 2017), and for a cache of
//! the responses to expensive calls (ENCP'19, section 3.2).
//!
//! All of it is pure, and the same code runs in the programs, in what fills their maps from user space,
//! and in the tests: which commands are understood ([`command`]), how an item lies in a map ([`item`]),
//! how a reply is written over its request ([`answer`]), how hot keys are found ([`sketch`]), what a
//! datagram can change ([`effect`], and [`call`] for calls), how a response lies in a map ([`response`]),
//! and when what is cached may still be given out ([`coherence`]).

pub mod answer;
pub mod call;
pub mod coherence;
pub mod command;
pub mod counters;
pub mod effect;
pub mod item;
pub mod response;
pub mod sketch;
