//! Units and photometric zero points of the surveys.
