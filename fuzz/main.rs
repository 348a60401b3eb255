//! Lets libFuzzer look for bytes that break the law named by `LAW`; `make fuzz` runs it.

#![no_main]

mod laws;

use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;

static LAW: OnceLock<fn(&[u8])> = OnceLock::new();

fuzz_target!(
    init: {
        let wanted = std::env::var("LAW").unwrap_or_default();
        let law = laws::LAWS.iter().find(|(name, _)| *name == wanted);
        let known: Vec<&str> = laws::LAWS.iter().map(|(name, _)| *name).collect();
        let (_, law) = law.unwrap_or_else(|| panic!("LAW is `{wanted}`; one of {known:?} is wanted"));
        LAW.set(*law).ok();
    },
    |bytes: &[u8]| {
        if let Some(law) = LAW.get() {
            law(bytes);
        }
    }
);
