//! What people read about a table of protocols: grouped, the first places of each group.

use super::{Content, RelationContent};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use tamga_client::protocols::{Place, RowFault};

/// Places shown of each group.
const SHOWN: usize = 10;

pub(super) fn of(content: &Content) -> String {
    let mut text = format!(
        "{}\n  form {} version {} ({})\n\n  {:>9} rows\n  {:>9} malformed\n  {:>9} accepted, of them\n",
        content.file,
        content.form,
        content.form_version,
        content.form_source,
        content.rows,
        content.malformed,
        content.accepted
    );
    let holding = content.accepted.saturating_sub(content.broken_hard).saturating_sub(content.broken_soft_only);
    let _ = writeln!(text, "  {holding:>9}   hold every relation that could be tested");
    let _ = writeln!(text, "  {:>9}   break a hard relation", content.broken_hard);
    let _ = writeln!(text, "  {:>9}   break only soft ones", content.broken_soft_only);
    if content.skipped > 0 {
        let _ = writeln!(text, "  {:>9} rows skipped, as the mapping says", content.skipped);
    }
    text.push('\n');
    content.relations.iter().for_each(|relation| text += &of_relation(relation));
    if !content.malformed_rows.is_empty() || content.malformed > 0 {
        text += "\nMalformed rows\n";
        text += &faults(content);
    }
    if !content.unused_columns.is_empty() {
        let _ = writeln!(text, "\nColumns not used: {}", content.unused_columns.join(", "));
    }
    if content.not_listed > 0 {
        let _ = writeln!(text, "\n{} findings are counted and not listed: see --list and --out", content.not_listed);
    }
    text
}

fn of_relation(relation: &RelationContent) -> String {
    let report = &relation.report;
    let weight = if report.hard { "hard" } else { "soft" };
    let mut text = format!("{:<4} {weight}  {:<44}", report.code, report.expression);
    if let Some(why) = &report.not_tested {
        let _ = writeln!(text, "  NOT TESTED: {why}");
        return text;
    }
    if report.broken == 0 {
        let _ = writeln!(text, "  holds in all {}", report.tested);
        return text;
    }
    let _ = writeln!(text, "  broken in {} of {}", report.broken, report.tested);
    for broken in relation.places.iter().take(SHOWN) {
        let _ = writeln!(text, "       {}: {} against {}", place(&broken.place), broken.left, broken.right);
    }
    rest(&mut text, report.broken, relation.places.len());
    text
}

fn faults(content: &Content) -> String {
    let mut text = String::new();
    let mut by_kind: BTreeMap<&str, Vec<&RowFault>> = BTreeMap::new();
    content.malformed_rows.iter().for_each(|fault| by_kind.entry(fault.kind.code()).or_default().push(fault));
    for (kind, total) in &content.malformed_by_kind {
        let _ = writeln!(text, "  {kind}: {total}");
        let listed = by_kind.remove(kind).unwrap_or_default();
        for fault in listed.iter().take(SHOWN) {
            let column = fault.column.as_ref().map_or_else(String::new, |column| format!(", column {column}"));
            let _ = writeln!(text, "       {}{column}: {}", place(&fault.place), fault.what);
        }
        rest(&mut text, *total, listed.len());
    }
    text
}

fn rest(text: &mut String, total: u64, listed: usize) {
    let more = total.saturating_sub(listed.min(SHOWN) as u64);
    if more > 0 {
        let _ = writeln!(text, "       and {more} more (--json and --out list them)");
    }
}

fn place(place: &Place) -> String {
    let names = [&place.region, &place.constituency, &place.commission, &place.precinct];
    let names = names.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" / ");
    if names.is_empty() { format!("line {}", place.line) } else { format!("line {}, {names}", place.line) }
}
