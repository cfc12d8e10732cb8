//! Directions on the sphere, celestial systems and the rotations between them.
