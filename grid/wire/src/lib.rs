//! Joins the two ends of TCP connections within a node by shared memory: the daemon that pairs them.
