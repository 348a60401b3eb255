//! Whether a success is much smaller than the last one of its stream, such as a build that lost half of its packages.

use crate::decide::policy::Policy;
use crate::mirror::{InForce, builds_of, chain};
use crate::model::{BuildId, Outcome};
use crate::ops::publish::error::{PublishError, Shrunk};
use crate::ops::publish::prepared::Prepared;
use crate::ops::publish::run::PublishRun;

impl PublishRun<'_> {
    /// Fails if a success lost more of its files or bytes than the policy accepts; warns if they cannot be compared.
    pub(crate) fn has_not_shrunk(&self, prepared: &mut Prepared) -> Result<(), PublishError> {
        let (mirror, id) = (self.session.mirror(), &self.publishing.id);
        // A copy has the size that it has in the source mirror.
        if self.publishing.allow_shrink || prepared.result != Outcome::Success || prepared.known.is_some() {
            return Ok(());
        }
        let share = match mirror.in_force(InForce::Policy, Policy::shipped) {
            Ok(None) => return Ok(()),
            Ok(Some((name, text))) => Policy::load(&text, &name)
                .map(|policy| policy.family_or_stranger(&id.stream).shrink)
                .map_err(|error| chain(&error)),
            Err(error) => Err(chain(&error)),
        };
        let share = match share {
            Ok(Some(share)) => share,
            Ok(None) => return Ok(()),
            Err(why) => {
                let why = format!("the size is not compared with that of the last success: {why}");
                prepared.warnings.push(why);
                return Ok(());
            }
        };
        let builds = builds_of(mirror, &id.stream, None)?;
        let sized = |build: &crate::census::BuildCensus| Some((build.files?, build.bytes?));
        let whole = builds.iter().filter(|build| {
            build.result == Outcome::Success
                && build.problem.is_none()
                && build.trimmed.is_empty()
                && build.build != id.name
        });
        let last = whole.filter_map(|build| Some((build, sized(build)?)));
        let last = last.max_by_key(|(build, _)| (build.created, build.seq, build.published));
        let Some((last, before)) = last else { return Ok(()) };
        let size = prepared.size();
        let lost = |now: u64, before: u64| {
            #[expect(clippy::cast_precision_loss, reason = "a share needs no more")]
            let lost = before.saturating_sub(now) as f64 * 100.0 / before.max(1) as f64;
            lost > share
        };
        if lost(size.0, before.0) || lost(size.1, before.1) {
            let than = BuildId::new(id.stream.clone(), last.build.clone());
            let shrunk = Shrunk { id: id.clone(), size, than, before, share };
            return Err(PublishError::Shrunk(Box::new(shrunk)));
        }
        Ok(())
    }
}
