//! Lets unmodified programs talk through shared memory: the calls of the C library that concern sockets, in front of its own.
