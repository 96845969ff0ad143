//! A text cut into tokens: runs of letters, runs of digits, and every other mark. White space is
//! no token but is remembered, for lines mean much in notes.

/// What a token is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Letters.
    Word,
    /// Digits.
    Number,
    /// One sign, or a run of one and the same.
    Mark,
}

/// What stands before a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Gap {
    /// Nothing.
    None,
    /// White space within the line.
    Space,
    /// The end of a line, or the start of the text.
    Line,
    /// An empty line.
    Blank,
}

/// A token of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// The first byte.
    pub(crate) start: usize,
    /// The byte after the last.
    pub(crate) end: usize,
    pub(crate) kind: Kind,
    pub(crate) gap: Gap,
}

/// The tokens of a text, in order.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::with_capacity(text.len() / 4);
    let mut gap = Gap::Line;
    let mut last = None;
    for (at, letter) in text.char_indices() {
        if letter.is_whitespace() {
            gap = match (gap, letter) {
                (Gap::Line | Gap::Blank, '\n') if last.is_some() => Gap::Blank,
                (Gap::None | Gap::Space, '\n') => Gap::Line,
                (Gap::None, _) => Gap::Space,
                (gap, _) => gap,
            };
            continue;
        }
        let kind = match letter {
            _ if letter.is_alphabetic() => Kind::Word,
            _ if letter.is_ascii_digit() => Kind::Number,
            _ => Kind::Mark,
        };
        let end = at + letter.len_utf8();
        let goes_on = kind != Kind::Mark || last == Some(letter);
        match tokens.last_mut() {
            Some(token) if gap == Gap::None && token.kind == kind && goes_on => token.end = end,
            _ => tokens.push(Token {
                start: at,
                end,
                kind,
                gap,
            }),
        }
        gap = Gap::None;
        last = Some(letter);
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn tokens_know_what_stands_before_them() {
        let text = "Pt: O'Neil-2x\n--- \n\nAé 12/3 --x";
        let shown: Vec<_> = tokens(text)
            .iter()
            .map(|t| format!("{:?}:{}", t.gap, &text[t.start..t.end]))
            .collect();
        expect![
            "Line:Pt None:: Space:O None:' None:Neil None:- None:2 None:x Line:--- Blank:Aé \
             Space:12 None:/ None:3 Space:-- None:x"
        ]
        .assert_eq(&shown.join(" "));
    }
}
