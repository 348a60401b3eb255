//! Where in a source file each change belongs, and how it is written beside what stands there.
//!
//! A change keeps the grouping of the expression that it is in: `&&` that becomes `||` binds as `&&` did. What runs while
//! the compiler does (`const`) has no switches, and neither has a `&&` that joins a `let`, which no other operator can.

use crate::list::Change;
use std::{collections::BTreeMap, ops::Range};
use syn::{spanned::Spanned, visit::Visit};

/// A place of a file at which something can be changed.
#[derive(Debug)]
pub(crate) struct Site {
    /// What is written anew.
    pub(crate) at: Range<usize>,
    pub(crate) kind: Kind,
    /// The numbers of the changes and what each puts there.
    pub(crate) changes: Vec<(usize, String)>,
}

/// What stands at a place.
#[derive(Debug)]
pub(crate) enum Kind {
    /// What a function does.
    Body,
    /// The same of one that returns an iterator of this type, known by its trait alone.
    Iterator(String),
    /// `left operator right`.
    Binary { left: Range<usize>, operator: Range<usize>, right: Range<usize> },
    /// An operator before what it is of.
    Unary { of: Range<usize> },
    /// The end of a pattern without a guard.
    Pattern,
    /// A guard; the last number is that of the change that leaves its arm out.
    Guard(Option<usize>),
    /// A value whose other fields come from another one; the fields that can be left out, with the commas after them.
    Value(Vec<Range<usize>>),
}

/// The changes of one file.
#[derive(Debug, Default)]
pub(crate) struct Sites {
    /// By their places, in the order in which these begin.
    pub(crate) found: Vec<Site>,
    /// The numbers of those that no compiler would take: a `let` is joined by `&&` alone.
    pub(crate) never: Vec<usize>,
    /// The numbers of those for which a switch cannot be written.
    pub(crate) lost: Vec<usize>,
}

/// Returns the places of the changes of one file.
pub(crate) fn sites(text: &str, changes: &[&Change]) -> Result<Sites, syn::Error> {
    let starts: Vec<usize> =
        std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let offset = |(line, column): (usize, usize)| {
        let start = starts.get(line - 1).copied().unwrap_or(text.len());
        let rest = &text[start..];
        start + rest.char_indices().nth(column - 1).map_or(rest.len(), |(at, _)| at)
    };
    let mut wanted: BTreeMap<(usize, usize), Vec<&Change>> = BTreeMap::new();
    for change in changes {
        let at = (offset(change.span.start.at()), offset(change.span.end.at()));
        wanted.entry(at).or_default().push(change);
    }
    let mut finding = Finding { text, wanted, all: Sites::default() };
    finding.visit_file(&syn::parse_file(text)?);
    let Finding { wanted, mut all, .. } = finding;
    all.found.sort_by_key(|site| (site.at.start, std::cmp::Reverse(site.at.end)));
    all.lost = wanted.into_values().flatten().map(|change| change.id).collect();
    Ok(all)
}

struct Finding<'a> {
    text: &'a str,
    wanted: BTreeMap<(usize, usize), Vec<&'a Change>>,
    all: Sites,
}

fn range(of: &impl Spanned) -> Range<usize> {
    of.span().byte_range()
}

/// Returns whether an expression is a `let`, or a chain with one.
fn has_let(expr: &syn::Expr) -> bool {
    match expr {
        syn::Expr::Let(_) => true,
        syn::Expr::Binary(both) => has_let(&both.left) || has_let(&both.right),
        _ => false,
    }
}

impl Finding<'_> {
    fn take(&mut self, at: &Range<usize>) -> Vec<(usize, String)> {
        let changes = self.wanted.remove(&(at.start, at.end)).unwrap_or_default();
        changes.iter().map(|change| (change.id, change.replacement.clone())).collect()
    }

    fn put(&mut self, at: Range<usize>, kind: Kind, changes: Vec<(usize, String)>) {
        if !changes.is_empty() {
            self.all.found.push(Site { at, kind, changes });
        }
    }

    fn body(&mut self, sig: &syn::Signature, block: &syn::Block) {
        let (Some(first), Some(last)) = (block.stmts.first(), block.stmts.last()) else { return };
        let at = range(first).start..range(last).end;
        let kind = match &sig.output {
            syn::ReturnType::Type(_, of) if matches!(**of, syn::Type::ImplTrait(_)) => {
                let syn::Type::ImplTrait(of) = &**of else { return };
                Kind::Iterator(self.text[range(&of.bounds)].to_owned())
            }
            _ => Kind::Body,
        };
        let changes = self.take(&at);
        self.put(at, kind, changes);
    }
}

impl<'ast> Visit<'ast> for Finding<'_> {
    fn visit_item_const(&mut self, _: &'ast syn::ItemConst) {}
    fn visit_item_static(&mut self, _: &'ast syn::ItemStatic) {}
    fn visit_impl_item_const(&mut self, _: &'ast syn::ImplItemConst) {}

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if item.sig.constness.is_none() {
            self.body(&item.sig, &item.block);
            syn::visit::visit_item_fn(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if item.sig.constness.is_none() {
            self.body(&item.sig, &item.block);
            syn::visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.body(&item.sig, block);
        }
        syn::visit::visit_trait_item_fn(self, item);
    }

    fn visit_expr_binary(&mut self, expr: &'ast syn::ExprBinary) {
        let operator = range(&expr.op);
        let changes = self.take(&operator);
        if has_let(&expr.left) || has_let(&expr.right) {
            self.all.never.extend(changes.into_iter().map(|(id, _)| id));
        } else {
            let (left, right) = (range(&expr.left), range(&expr.right));
            self.put(left.start..right.end, Kind::Binary { left, operator, right }, changes);
        }
        syn::visit::visit_expr_binary(self, expr);
    }

    fn visit_expr_unary(&mut self, expr: &'ast syn::ExprUnary) {
        let changes = self.take(&range(&expr.op));
        self.put(range(expr), Kind::Unary { of: range(&expr.expr) }, changes);
        syn::visit::visit_expr_unary(self, expr);
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        let left_out = self.take(&range(arm));
        match &arm.guard {
            None => {
                let end = range(&arm.pat).end;
                self.put(end..end, Kind::Pattern, left_out);
            }
            Some((_, guard)) if !has_let(guard) => {
                let at = range(&**guard);
                let mut changes = self.take(&at);
                let out = left_out.first().map(|(id, _)| *id);
                changes.extend(left_out);
                self.put(at, Kind::Guard(out), changes);
            }
            Some(_) => {}
        }
        syn::visit::visit_arm(self, arm);
    }

    fn visit_expr_struct(&mut self, expr: &'ast syn::ExprStruct) {
        if expr.rest.is_some() {
            let mut left_out = Vec::new();
            let mut changes = Vec::new();
            for field in &expr.fields {
                let at = range(field);
                let whole = at.start..self.after_comma(at.end);
                for change in [at, whole.clone()].iter().flat_map(|at| self.take(at)).collect::<Vec<_>>() {
                    left_out.push(whole.clone());
                    changes.push(change);
                }
            }
            self.put(range(expr), Kind::Value(left_out), changes);
        }
        syn::visit::visit_expr_struct(self, expr);
    }
}

impl Finding<'_> {
    /// Returns where the comma ends that follows.
    fn after_comma(&self, end: usize) -> usize {
        self.text[end..].find(',').map_or(end, |at| end + at + 1)
    }
}
