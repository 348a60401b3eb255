//! Three nodes of Garage keep the laws and tell the stories, and lose nothing with one of them.
//!
//! Part of `make torture` and not of the usual run, since building Garage takes some ten minutes.

use super::{Nodes, round_of};
use crate::engines::{keeps_the_laws, stories, tells};
use crate::servers::{Engine, garage::Garage};
use mirrorkeep::store::Conditions;
use std::{sync::Arc, time::Duration};

nodes!(Garage);

#[test]
fn garage_ignores_conditions_and_keeps_the_rest() {
    let garage = Garage::start();
    keeps_the_laws(&garage.engine, Conditions::Ignored);
    tells(&garage.engine, stories::ALL);
    tells(&garage.engine, stories::OF_ONE_WRITER_AT_A_TIME);
}

#[test]
fn a_node_of_garage_that_dies_and_comes_back_loses_nothing() {
    let mut garage = Garage::start();
    for round in 0..3 {
        // The first node is the one that is spoken to.
        round_of(&mut garage, format!("mirror-{round}").leak(), &[1, 2], Duration::from_millis(200));
    }
}
