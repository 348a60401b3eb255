//! Colours come on a terminal that has them, and the variables that everybody knows decide otherwise.

use crate::support::rig::Rig;
use std::process::Command;

/// Returns whether `plan` shows colours where these variables are set, on a terminal or in a pipe.
fn coloured(rig: &Rig, terminal: bool, variables: &[(&str, &str)]) -> bool {
    let (binary, mirror) = (env!("CARGO_BIN_EXE_mirrorkeep"), rig.mirror("").display().to_string());
    let mut command = if terminal {
        let mut script = Command::new("script");
        script.args(["-qec", &format!("{binary} --mirror {mirror} plan"), "/dev/null"]);
        script
    } else {
        rig.command(&["plan"])
    };
    for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CI"] {
        command.env_remove(variable);
    }
    let output = command.env("TERM", "xterm").envs(variables.iter().copied()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout.windows(2).any(|bytes| bytes == b"\x1b[")
}

#[test]
fn colours_come_on_a_terminal_and_variables_decide() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 1}]").builds(["20181204T060000Z", "20181205T060000Z"]);
    assert!(coloured(&rig, true, &[]));
    assert!(!coloured(&rig, false, &[]));
    for (variable, value) in [("TERM", "dumb"), ("CLICOLOR", "0"), ("NO_COLOR", "1")] {
        assert!(!coloured(&rig, true, &[(variable, value)]), "{variable}={value}");
    }
    assert!(coloured(&rig, false, &[("CLICOLOR_FORCE", "1")]));
    assert!(!coloured(&rig, false, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
}
