//! A real PostgreSQL is made, killed and refused; as root and as an ordinary user alike.

// Each is marked, so that what clippy.toml permits in tests holds for the helpers in them, too.
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod place;
#[cfg(test)]
mod recovery;
#[cfg(test)]
mod refusals;
