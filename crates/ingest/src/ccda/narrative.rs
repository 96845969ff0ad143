//! The narrative of a section (CDA's own mark-up) as plain text: a row of a table is a line, an
//! item of a list is a line, what was deleted is left out.

use super::tree::Element;

/// The text of a narrative block.
pub(super) fn plain(block: Element<'_, '_>) -> String {
    let mut raw = String::new();
    block.collect(&mut raw, &mut |element, out| {
        match element.name() {
            "br" | "paragraph" | "tr" | "list" | "table" | "caption" | "thead" | "tbody" => {
                out.push(BREAK);
            }
            "item" => {
                out.push(BREAK);
                out.push_str("- ");
            }
            "td" | "th" => out.push(CELL),
            "renderMultiMedia" => return false,
            // Text that was struck out by the author.
            "content" if element.attribute("revised") == Some("delete") => return false,
            _ => out.push(' '),
        }
        true
    });
    let lines = raw.split(BREAK).map(|line| {
        let cells = line.split(CELL).map(|cell| {
            let words: Vec<&str> = cell.split_whitespace().collect();
            words.join(" ")
        });
        let cells: Vec<String> = cells.filter(|cell| !cell.is_empty()).collect();
        cells.join(" | ")
    });
    let lines: Vec<String> = lines.filter(|line| !line.is_empty()).collect();
    lines.join("\n")
}

/// Signs of our own between lines and cells: the line breaks of the file mean nothing.
const BREAK: char = '\u{1E}';
const CELL: char = '\u{1F}';

#[cfg(test)]
mod tests {
    use super::super::tree::Tree;
    use super::*;

    #[test]
    fn tables_lists_and_lines() {
        let text = "<text xmlns='urn:hl7-org:v3'>First\n  line<br/>second
            <list><item>one</item><item><content ID='a'>two</content> <sup>2</sup></item></list>
            <table><thead><tr><th>Test</th><th>Value</th></tr></thead>
            <tbody><tr><td>Na</td><td/><td>140</td></tr></tbody></table>
            <content revised='delete'>gone</content><paragraph>Last &amp; least</paragraph></text>";
        let tree = Tree::parse(text).unwrap();
        assert_eq!(
            plain(tree.root()),
            "First line\nsecond\n- one\n- two 2\nTest | Value\nNa | 140\nLast & least"
        );
    }
}
