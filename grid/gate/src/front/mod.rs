//! Where clients come in.

pub(crate) mod h1;
