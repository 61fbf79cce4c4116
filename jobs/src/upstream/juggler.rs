//! Juggler. Being written.
