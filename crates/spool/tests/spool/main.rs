//! A spool on a real disk is filled, emptied, cut, damaged, killed and run out of space.

// Each is marked, so that what clippy.toml permits in tests holds for the helpers in them, too.
#[cfg(test)]
mod damage;
#[cfg(test)]
mod full;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod layout;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod model;
#[cfg(test)]
mod place;
#[cfg(test)]
mod power;
#[cfg(test)]
mod torn;
