//! A mapping to begin with: what a table looks like, as a mapping file with gaps.

use super::columns::plain;
use super::encoding::Encoding;
use std::fmt::Write as _;
use tamga_ledger::kinds::Form;

/// Most columns that a draft lists.
const COLUMNS_LISTED_MAX: usize = 300;

/// Guesses encoding and separator from the beginning of a table and writes a mapping for `form`, with the table's columns as
/// comments and a gap (`""`) for each line. Lines whose title is a header, word for word, are filled in.
#[must_use]
pub fn draft(form: &Form, head: &[u8]) -> String {
    let head = head.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(head);
    // The last letter may be cut in two.
    let whole = head.iter().rposition(|byte| *byte == b'\n').map_or(head, |end| head.get(..end).unwrap_or(head));
    let encoding = if std::str::from_utf8(whole).is_ok() { Encoding::Utf8 } else { Encoding::Windows1251 };
    let first = whole.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |separator: u8| first.iter().filter(|byte| **byte == separator).count();
    let separator = [b';', b',', b'\t', b'|'].into_iter().max_by_key(|separator| count(*separator)).unwrap_or(b',');
    let names = cells(first, separator, encoding);
    let mut text = String::new();
    let _ = write!(text, "# A mapping for form {} version {}. Columns of the table:\n#\n", form.code, form.version);
    for (name, number) in names.iter().zip(1..).take(COLUMNS_LISTED_MAX) {
        let _ = writeln!(text, "#   {number:>3}  {name}");
    }
    let separator = if separator == b'\t' { "tab".to_owned() } else { char::from(separator).to_string() };
    let encoding = encoding.name().to_lowercase();
    let _ = write!(
        text,
        "\n# Lines of the form that the table does not have, for example [\"3\"]; relations that need them are not tested.\n\
         absent = []\n\n[file]\nencoding = \"{encoding}\"\nseparator = \"{separator}\"\nheader_rows = 1\n\n\
         # Columns by number or by name (* for any letters).\n[identify]\nprecinct = \"\"\n\n[lines]\n"
    );
    for line in &form.lines {
        let title = plain(&line.title.ru);
        let found = names
            .iter()
            .position(|name| *name == title || *name == plain(&line.title.ky) || *name == plain(&line.title.en));
        let column = found.map_or_else(|| "\"\"".to_owned(), |place| (place + 1).to_string());
        let _ = writeln!(text, "{} = {column}  # {title}", key(&line.code));
    }
    text += "\n# Also possible: a list of columns, or { matching = \"Candidate *\" }.\n[votes]\n\
             candidates = { from = \"\", to = \"\" }\n";
    text
}

/// A code as a key of a TOML table: bare where that is allowed.
fn key(code: &str) -> String {
    let bare = code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if bare { code.to_owned() } else { format!("\"{code}\"") }
}

fn cells(row: &[u8], separator: u8, encoding: Encoding) -> Vec<String> {
    let mut reader = csv::ReaderBuilder::new().delimiter(separator).has_headers(false).from_reader(row);
    let mut record = csv::ByteRecord::new();
    if !matches!(reader.read_byte_record(&mut record), Ok(true)) {
        return Vec::new();
    }
    // Each is one line of a comment.
    record.iter().map(|cell| plain(&encoding.decode(cell)).replace(char::is_control, " ")).collect()
}
