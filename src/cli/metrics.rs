//! The verb `metrics`: values of a mirror for monitoring.

use super::answer::{Sorted, Version};
use super::args::MetricsArgs;
use super::context::{Context, now};
use super::exit::{Outcome, Usage};
use super::say;
use crate::mirror::Mirror;
use crate::ops::Mode;
use crate::ops::metrics::Metrics;
use crate::ops::readers::replace;
use crate::render::openmetrics;
use schemars::JsonSchema;
use serde::Serialize;
use std::path::Path;

/// The answer of `metrics`.
#[derive(Serialize, JsonSchema)]
pub(super) struct MetricsAnswer<'a> {
    #[serde(rename = "metrics")]
    version: Version,
    #[serde(flatten)]
    metrics: &'a Metrics,
    /// The path of the file that was written; `null` without `--out`.
    out: Option<&'a Path>,
}

pub(super) fn metrics(setting: &Context, args: &MetricsArgs) -> Outcome {
    let mirror = setting.open()?;
    let metrics = crate::ops::metrics::metrics(&mirror, now())?;
    let text = openmetrics(&metrics.families);
    if let Some(out) = &args.out {
        not_in(&mirror, out)?;
        replace(out, &text, Mode::Real)?;
    }
    for warning in &metrics.warnings {
        say::note(&format!("warning: {warning}"));
    }
    if setting.json {
        say::data(&Sorted(MetricsAnswer { version: Version, metrics: &metrics, out: args.out.as_deref() }));
    } else if args.out.is_none() {
        say::verbatim(&text);
    }
    Ok(())
}

/// Fails if the file would be in the mirror, where it could replace a file of a build or the settings.
fn not_in(mirror: &Mirror, out: &Path) -> Outcome {
    let above = out.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // A missing directory is reported when the file is written.
    let real = |path: &Path| path.canonicalize().ok();
    match (mirror.directory().as_deref().and_then(real), real(above)) {
        (Some(mirror), Some(dir)) if dir.starts_with(&mirror) => {
            Err(Usage(format!("`{}` is in the mirror; a file outside it is accepted", out.display())).into())
        }
        _ => Ok(()),
    }
}
