//! Every kind of finding: its stable code, its severity, its meaning and a hint.
//!
//! A code never changes its meaning and is never used again for another one; `docs/findings.md` is printed from here.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Readers get something wrong, or may.
    Error,
    /// It should be fixed.
    Warning,
    /// It should be known.
    Note,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        })
    }
}

/// Makes the codes, each with its row of the table.
macro_rules! codes {
    ($($name:ident $severity:ident $code:literal: $meaning:literal; $hint:literal)*) => {
        /// What kind of finding it is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {$(
            #[doc = $meaning]
            $name,
        )*}

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Returns the stable word.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code),* }
            }

            /// Returns its severity.
            pub fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity),* }
            }

            /// Returns its meaning, one sentence.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning),* }
            }

            /// Returns its hint.
            pub fn hint(self) -> &'static str {
                match self { $(Self::$name => $hint),* }
            }
        }
    };
}

codes! {
    UnknownClass Error "unknown-class": "Unknown top-level directory."; "move it to the nearest path, or name it under `declared` in mirror.yaml"
    UnknownDistro Error "unknown-distro": "A distribution that the layout does not know."; "move it, or add the distribution to the layout"
    UnknownPhase Error "unknown-phase": "A build type that the layout does not know."; "move it, or add the build type to the layout"
    UnknownArtifact Error "unknown-artifact": "Something inside a build that the layout has no place for."; "move it before publishing, or add its place to the layout's tree"
    UnknownName Error "unknown-name": "A name that does not match the field that the layout expects there."; "rename it, or widen the field in the layout"
    Misfiled Error "misfiled": "A build is in other directories than its name states."; "move it to the nearest path"
    RawBranch Error "raw-branch": "A path contains a git branch as git writes it, not the name that the layout maps it to."; "move its builds to the mapped stream, which `mirrorkeep layout path --git-branch` prints"
    WrongDepth Error "wrong-depth": "A level of the path is missing, or there is one too many."; "move it to the nearest path, or give the layout that level"
    UnknownBeside Error "unknown-beside": "A file beside the builds that the layout does not know."; "move it away, or add it to `beside` in the layout"
    BuildName Error "build-name": "Not a valid build name."; "rename it, or move it out of the stream"
    StampNotUtc Error "stamp-not-utc": "A time that is not written as UTC in the layout's form."; "rename it to the UTC time of the build in the layout's form"
    StampImpossible Error "stamp-impossible": "A build is named by an impossible time."; "rename it to the time at which it was built; until then it is never pruned"
    StampFuture Warning "stamp-future": "A build is dated in the future."; "check the clock of the build server; until that time no prune deletes the build"
    StampDuplicate Warning "stamp-duplicate": "Two builds of one stream were made at the same instant."; "publish one of them under a respin, so that their order is known"
    WrongKind Error "wrong-kind": "A file where a directory is expected."; "move it away"
    ContextMissing Warning "context-missing": "A successful build does not state the commits that it was made from."; "publish with --context-from, so that the build can be reproduced"
    ContextForm Error "context-form": "CONTEXT has a line that is not of the strict form; people source it in a shell."; "do not source it; publish with --context-from, which writes it"
    MarkerMissing Warning "marker-missing": "A build has a result, but no marker file for it."; "publish it with mirrorkeep, which writes the marker, or restore the file"
    MarkerKind Error "marker-kind": "A result marker, CONTEXT or list of checksums that is a symlink or directory: readers get something else than what was checked."; "put a regular file in its place, or remove it"
    MarkerDouble Error "marker-double": "A build has the markers of two results."; "remove the one that is wrong"
    MarkerDiffers Error "marker-differs": "The marker of a build states another result than its record."; "find out which program wrote the marker; the record has the result that was published"
    MarkerSpelling Warning "marker-spelling": "A marker in another spelling, which no reader looks for."; "make the build write the expected name, or give the layout this one"
    InProgress Note "in-progress": "A build without a result that changed within the last day."; "wait for it to finish"
    HalfPublished Warning "half-published": "A build without a result that has not changed for a day."; "publish it again as a whole, or remove it"
    HalfDeleted Warning "half-deleted": "A build lacks whole parts that SHA256SUMS lists, or that every other success of its stream has."; "restore them from a copy, or take the build out with `mirrorkeep withdraw ID --why TEXT`; if it changed on purpose, ignore this"
    NoArtifact Warning "no-artifact": "A successful build contains only markers and logs."; "publish it again with everything that was built, and take this one out with `mirrorkeep withdraw ID --why TEXT`"
    LinkIntoBuild Error "link-into-build": "A link inside a build points to a build: `ln -s` was run on an existing link."; "remove the link; set aliases with `mirrorkeep alias set`"
    LinkDangling Warning "link-dangling": "A link inside a build is dangling."; "publish its target, or remove it"
    LinkLeaves Error "link-leaves": "A link inside a build is absolute, or points outside the mirror."; "replace it by a relative link inside the build"
    AliasMissing Error "alias-missing": "A required alias is missing."; "set it with `mirrorkeep alias set ALIAS BUILD`; nothing of its stream is pruned before"
    AliasDangling Error "alias-dangling": "An alias is dangling."; "set it with `mirrorkeep alias set ALIAS BUILD`, or remove it with `mirrorkeep alias remove ALIAS`"
    AliasDepth Error "alias-depth": "An alias points to a path whose depth changed; its build is at another path now."; "set it to the nearest path with `mirrorkeep alias set ALIAS BUILD`"
    AliasAbsolute Warning "alias-absolute": "An alias is absolute, so it is wrong under any other mount point."; "`mirrorkeep check --fix` makes it relative"
    AliasLooping Error "alias-looping": "An alias points to itself by way of other links."; "set it with `mirrorkeep alias set ALIAS BUILD`"
    AliasLeaves Error "alias-leaves": "An alias points outside the mirror."; "set it to a path of the mirror, or remove it"
    AliasUnfit Error "alias-unfit": "An alias points to a build that does not meet its condition, such as a failed one."; "set it to the nearest path with `mirrorkeep alias set --allow-backwards ALIAS BUILD`"
    AliasOlder Warning "alias-older": "An alias points to an older build than the newest that meets its condition."; "set it with `mirrorkeep alias set ALIAS BUILD`, unless it was set back on purpose"
    AliasMoved Warning "alias-moved": "An alias was moved, created or removed by hand: it does not point where mirrorkeep last pointed it."; "set it with `mirrorkeep alias set ALIAS BUILD`, or record where it points with `mirrorkeep adopt --changed`"
    AliasNotLink Error "alias-not-link": "Something that is not a symlink is at the place of an alias."; "move it away; the next publish creates the alias"
    AliasUnknown Warning "alias-unknown": "A symlink outside the builds that neither the layout nor the mirror's settings know."; "add it to `aliases` or `legacy` in .mirrorkeep/mirror.yaml, or remove it with `mirrorkeep alias remove ALIAS`"
    NotServed Error "not-served": "The web server cannot read it."; "`mirrorkeep check --fix` makes it readable"
    SetId Error "set-id": "A file with the set-user-id or set-group-id bit."; "remove the bit with chmod"
    WorldWritable Error "world-writable": "Every user of the server can change it."; "remove the bit with `chmod o-w`"
    SpecialFile Error "special-file": "A device, FIFO or socket."; "remove it"
    OddName Error "odd-name": "A name that is not UTF-8 or contains a control character."; "rename it"
    CaseCollision Warning "case-collision": "Names that differ in case or in Unicode form only, such as composed and decomposed letters; some downstream file systems keep one of them."; "rename one of them before publishing"
    LongName Warning "long-name": "A name or path that is too long to copy: rsync's temporary names and other systems need room."; "shorten it before publishing"
    SumsMissing Warning "sums-missing": "A build without any list of checksums."; "`mirrorkeep adopt --write-sums` writes one"
    SumsForm Error "sums-form": "SHA256SUMS cannot be read as coreutils writes it."; "compare it with the record by `mirrorkeep verify ID`, then restore it"
    SumsDiffer Error "sums-differ": "SHA256SUMS does not list exactly the files of the build."; "`mirrorkeep verify ID` names every one"
    BuildChanged Error "build-changed": "A build is not as it was published or adopted: files or links were added, removed or changed."; "`mirrorkeep verify ID` names what differs in its bytes; put the files back from a copy, or take the build as it is with `mirrorkeep adopt --changed --rewrite-sums ID`; a stream in its place takes all of its builds"
    ImagesForm Error "images-form": "A list of container images cannot be read."; "write it as UTF-8 text with one reference a line, within the limits of docs/images.md"
    ImageUnfit Error "image-unfit": "A list of container images has references that do not fit the layout."; "`mirrorkeep images list ID` prints each; correct the script that writes the list, or add their form to `images` of the layout"
    ImageOtherBuild Warning "image-other-build": "A list of container images has references of another build."; "`mirrorkeep images list ID` prints each; empty the list before each build"
    ImageMissing Error "image-missing": "A registry lacks an image that a list of a build names; found by `check --registry`."; "push the image again, or publish a build without it"
    ImageChanged Error "image-changed": "A registry has an image under another digest than a list of a build states; found by `check --registry`."; "find out what pushed it, and push the image of the build again under its tag"
    ImageTagMoved Warning "image-tag-moved": "An image tag of a stage does not have the image of the build that has the stage; found by `check --registry`."; "find out what moved it; `mirrorkeep promote STAGE --stream STREAM --take-over --why TEXT` moves it back"
    RegistryUnread Warning "registry-unread": "A registry cannot be asked for images; found by `check --registry`."; "check the address and the credentials of `docker login`, and run the check again"
    RequiresGone Warning "requires-gone": "A build requires another one that is missing."; "restore what it needs from the trash or from a copy"
    RecordWithoutTree Warning "record-without-tree": "A recorded build is missing from the mirror and was not pruned."; "restore the build from a copy, or remove its record with `mirrorkeep adopt --changed`"
    RecordMissing Warning "record-missing": "The record of a build that was published or adopted here is lost."; "`mirrorkeep check --fix` writes it again from the tree"
    RecordDamaged Error "record-damaged": "The record of a build cannot be used."; "restore the record from a copy, or move it away and run `mirrorkeep check --fix`"
    NotAdopted Note "not-adopted": "A build that other tools put there."; "`mirrorkeep adopt` records it"
    Unsealed Warning "unsealed": "Files at the place of a build in an object store, without its seal: readers see no build there."; "`mirrorkeep adopt` records what other tools wrote; publish an interrupted build again, or remove it with `mirrorkeep recover`"
    StreamUncovered Warning "stream-uncovered": "No family of the policy matches a stream, so none of its builds is ever pruned."; "add a family to the policy"
    StreamStalled Warning "stream-stalled": "The newest success of a stream is older than the limit."; "look at the build server"
    UploadUnfinished Warning "upload-unfinished": "An unfinished upload is in an object store, and its sender is gone: readers do not see it, and it is billed."; "`mirrorkeep check --fix` aborts it"
    StageWaiting Note "stage-waiting": "Leftovers of a publish interrupted less than a day ago."; "run the same publish again, which resumes it; a day later `mirrorkeep prune` clears it"
    StageStale Warning "stage-stale": "What an interrupted publish left more than a day ago; no process holds it."; "`mirrorkeep prune` clears it, and so does `mirrorkeep recover`"
    StageUnknown Warning "stage-unknown": "Something among the stages of interrupted publishes that is not a stage: no publish resumes it."; "move it out of the mirror, or remove it with `mirrorkeep recover --discard-stages`"
    TrashUnknown Error "trash-unknown": "Something in the trash that no event of the journal put there, such as a copy of another directory of the trash: it is never restored, and never deleted."; "move it out of the mirror"
    LockDamaged Error "lock-damaged": "What is in the place of a lock cannot be locked, so that no command may change the mirror."; "make sure that no command runs on the mirror, then remove it; the next command makes a lock again"
    TmpStale Note "tmp-stale": "An unfinished temporary file that its writer left long ago."; "`mirrorkeep check --fix` removes it"
    JournalLost Error "journal-lost": "Events of the journal are missing or damaged, or belong to another mirror, so that no command may change the mirror."; "restore `.mirrorkeep/journal` from a copy, or accept the loss with `mirrorkeep recover --accept-journal`"
    HoldsLost Error "holds-lost": "A hold that the journal states is not in the file of the build's holds, or the file is damaged, so that nothing is pruned."; "`mirrorkeep recover` rebuilds it; `mirrorkeep unhold ID` removes it afterwards"
    ReadersStale Warning "readers-stale": "Public files for readers are out of date: the aliases moved."; "`mirrorkeep check --fix` writes them again, and so does `mirrorkeep export readers`"
    IgnoreExpired Note "ignore-expired": "An entry of `check.ignore` in mirror.yaml is past its `until`, and ignores nothing."; "remove the entry, or give it a later `until` in .mirrorkeep/mirror.yaml"
    CannotRead Error "cannot-read": "It cannot be read."; "make it readable for mirrorkeep, then check again"
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

impl JsonSchema for Code {
    fn schema_name() -> Cow<'static, str> {
        "Code".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^[a-z]+(-[a-z]+)*$",
            "description": "The code of a finding; `mirrorkeep check --list` prints all of them.",
        })
    }
}
