//! Pruning: sentences of the command line, every store call gone wrong, and others who act in between.

mod anchors;
mod archiving;
mod brakes;
mod held;
mod leftovers;
mod meanwhile;
mod scene;
mod sentences;
mod spied;
mod twice;
