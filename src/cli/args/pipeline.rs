//! Arguments of the verb `pipeline`.

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum PipelineVerb {
    /// List the shipped pipelines
    List,
    /// Show a pipeline: the mirror's own, or a shipped one or a file
    Show {
        /// A shipped pipeline or a pipeline file
        pipeline: Option<String>,
    },
    /// Find what is wrong or odd; with the mirror's own also what does not fit its layout, policy and streams
    #[command(
        after_help = "Examples:\n  mirrorkeep pipeline lint\n  mirrorkeep pipeline lint pipeline.yaml --layout rdo-trunk"
    )]
    Lint {
        /// Shipped pipeline or pipeline file [default: the mirror's own]
        pipeline: Option<String>,
        /// A shipped layout or a layout file that must know the stages [default: the mirror's, for its own pipeline]
        #[arg(long, value_name = "NAME|FILE")]
        layout: Option<String>,
        /// A shipped policy or a policy file that must not delete candidates [default: the mirror's, for its own pipeline]
        #[arg(long, value_name = "NAME|FILE")]
        policy: Option<String>,
    },
    /// Try the examples inside a pipeline
    Test {
        /// Shipped pipeline or pipeline file [default: the mirror's own]
        pipeline: Option<String>,
    },
    /// Put a pipeline in force in the mirror, and show which stages that changes; no alias moves
    #[command(after_help = "Example:\n  mirrorkeep pipeline set pipeline.yaml --dry-run")]
    Set {
        /// A shipped pipeline or a pipeline file
        pipeline: String,
        /// Show what would change, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Write the JSON schema of pipeline files
    Schema,
}
