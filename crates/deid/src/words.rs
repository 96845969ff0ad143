//! Words of a text, as names are made of them.

/// A word in a text.
pub(crate) struct Word<'a> {
    start: usize,
    text: &'a str,
}

impl<'a> Word<'a> {
    pub(crate) fn start(&self) -> usize {
        self.start
    }

    pub(crate) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    pub(crate) fn as_str(&self) -> &'a str {
        self.text
    }
}

/// The words of a text: letters, joined by hyphens, and by apostrophes before a capital, so that
/// O'Brien is one word and the genitive's ending is apart.
pub(crate) fn words(text: &str) -> Vec<Word<'_>> {
    let mut words: Vec<Word<'_>> = Vec::new();
    let mut start = None;
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let next = letters.peek().map(|(_, next)| *next);
        let joins = match letter {
            '-' => next.is_some_and(char::is_alphabetic),
            '\'' | '’' => next.is_some_and(char::is_uppercase),
            _ => letter.is_alphabetic(),
        };
        match (start, joins) {
            (None, true) if letter.is_alphabetic() => start = Some(at),
            (Some(from), false) => {
                words.push(Word {
                    start: from,
                    text: &text[from..at],
                });
                start = None;
            }
            _ => {}
        }
    }
    words.extend(start.map(|start| Word {
        start,
        text: &text[start..],
    }));
    words
}

pub(crate) fn is_capitalised(word: &str) -> bool {
    word.chars().next().is_some_and(char::is_uppercase)
}
