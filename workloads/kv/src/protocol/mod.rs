//! The memcached protocols: ASCII, meta and binary, over datagrams and streams.
