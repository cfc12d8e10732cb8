//! The gate between clients and servers that write bytes by hand: what HTTP/1.1 says of a proxy (RFC 9110, RFC 9112), and what is done
//! where one end does not keep to it.

mod attacks;
mod bodies;
mod contexts;
mod direct;
mod faults;
mod fields;
mod forms;
mod hedges;
mod large;
mod limits;
mod replies;
mod slow;
mod traces;
mod world;
