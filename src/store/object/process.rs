//! Finding out whether the process that took a lock is dead, if it ran on this machine.
//!
//! A process is identified by the boot ID of its machine, its process namespace and its process ID: if the first two
//! are those of this process and no such process runs, it is gone, and its term need not be waited for. Nothing is
//! known about processes of other machines. A process ID that was used again only makes others wait.

use std::path::Path;

/// Returns the identity of this process; nothing if it cannot be determined.
pub(super) fn this_process() -> Option<String> {
    Some(format!("{} {}", machine()?, std::process::id()))
}

/// Returns whether a process is known to be dead.
pub(super) fn is_dead(process: &str) -> bool {
    let Some((on, number)) = process.rsplit_once(' ') else { return false };
    let Ok(number) = number.parse::<u32>() else { return false };
    machine().is_some_and(|ours| ours == on) && !Path::new(&format!("/proc/{number}")).exists()
}

/// Returns what identifies this boot of this machine and the namespace of its processes.
fn machine() -> Option<String> {
    let start = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let space = std::fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{} {}", start.trim(), space.to_str()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_process_of_this_machine_is_ever_known_to_be_dead() {
        let ours = this_process().unwrap();
        assert!(!is_dead(&ours));
        let (machine, _) = ours.rsplit_once(' ').unwrap();
        let mut ended = std::process::Command::new("true").spawn().unwrap();
        ended.wait().unwrap();
        assert!(is_dead(&format!("{machine} {}", ended.id())));
        assert!(!is_dead(&format!("elsewhere pid:[1] {}", ended.id())));
        assert!(!is_dead(&format!("{machine} one")));
    }
}
