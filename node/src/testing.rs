//! A small election with all its keys, for tests.
