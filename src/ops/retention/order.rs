//! In which order builds are removed.

use crate::census::Census;
use crate::model::BuildId;
use std::collections::{HashMap, HashSet};

/// Returns the builds to delete, each after those that need it, and otherwise the oldest first.
pub(crate) fn order(census: &Census, going: &HashSet<&BuildId>) -> Vec<BuildId> {
    let mut builds: Vec<_> = census.builds().filter(|(id, _)| going.contains(id)).collect();
    builds.sort_by(|(a, x), (b, y)| (x.created, x.seq, a).cmp(&(y.created, y.seq, b)));
    let mut users: HashMap<BuildId, Vec<BuildId>> = HashMap::new();
    for (id, build) in &builds {
        for wanted in build.requires.iter().filter(|wanted| going.contains(wanted)) {
            users.entry(wanted.clone()).or_default().push(id.clone());
        }
    }
    let mut done: HashSet<BuildId> = HashSet::new();
    let mut order = Vec::new();
    for (id, _) in builds {
        let mut open = vec![(id, false)];
        while let Some((id, entered)) = open.pop() {
            if entered {
                order.push(id);
            } else if done.insert(id.clone()) {
                let first = users.get(&id).into_iter().flatten().cloned();
                let first: Vec<_> = first.map(|user| (user, false)).collect();
                open.push((id, true));
                open.extend(first);
            }
        }
    }
    order
}
