//! Image lists and tiles from archives by Simple Image Access.
