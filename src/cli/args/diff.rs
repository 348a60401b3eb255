//! Arguments of the verb `diff`.

use clap::Args;

#[derive(Debug, Args)]
pub(in crate::cli) struct DiffArgs {
    /// The first build, or an alias that resolves to one
    #[arg(value_name = "ID|ALIAS")]
    pub(in crate::cli) before: String,
    /// The second build, or an alias that resolves to one
    #[arg(value_name = "ID|ALIAS")]
    pub(in crate::cli) after: String,
    /// List every change, not only the first 20 commits, packages and files
    #[arg(long)]
    pub(in crate::cli) all: bool,
}
