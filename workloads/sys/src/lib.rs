//! Linux: namespaces, links, NAPI threads, pinning, clocks, accounting.
