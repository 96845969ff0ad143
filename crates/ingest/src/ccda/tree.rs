//! An XML document as a tree with bounds: depth, number of elements, no entities but the five of
//! XML and character references. It knows no element of CDA.
//!
//! Namespaces are resolved and then left out: an element of HL7 v3 (or of its `sdtc` extension) has
//! its local name, one of another namespace is not in the tree.

use quick_xml::NsReader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};
use std::borrow::Cow;

/// Documents are some 20 deep; what is deeper is an attack on a recursive reader.
const DEPTH_MAX: usize = 128;

/// A document of 100 MB has some two million elements; the tree of as many takes 250 MB.
const NODES_MAX: usize = 2_000_000;

/// The namespaces whose elements are read.
const NAMESPACES: [&str; 2] = ["urn:hl7-org:v3", "urn:hl7-org:sdtc"];

/// Why a text is no document. No variant quotes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    NotWellFormed,
    /// A reference to an entity that XML itself does not have. None is ever declared here.
    Entity,
    TooDeep,
    TooLarge,
    NoRoot,
}

impl Fault {
    /// What reports say.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NotWellFormed => "not well-formed",
            Self::Entity => "an entity reference",
            Self::TooDeep => "nested deeper than 128 elements",
            Self::TooLarge => "more than 2,000,000 elements",
            Self::NoRoot => "no element",
        }
    }
}

/// What stands in an element.
#[derive(Debug)]
enum Content<'a> {
    Element(u32),
    Text(Cow<'a, str>),
}

#[derive(Debug)]
struct Node<'a> {
    name: &'a str,
    attributes: Vec<(&'a str, Cow<'a, str>)>,
    content: Vec<Content<'a>>,
    line: u64,
    span: (usize, usize),
}

/// The tree.
#[derive(Debug)]
pub(crate) struct Tree<'a> {
    text: &'a str,
    nodes: Vec<Node<'a>>,
}

/// An element of a tree.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'t, 'a> {
    tree: &'t Tree<'a>,
    at: u32,
}

impl<'a> Tree<'a> {
    /// Reads a whole document.
    pub(crate) fn parse(text: &'a str) -> Result<Self, Fault> {
        Builder::new(text).build(None)
    }

    /// Reads a document up to the end of the first element of this name.
    pub(crate) fn parse_until(text: &'a str, name: &str) -> Result<Self, Fault> {
        Builder::new(text).build(Some(name))
    }

    pub(crate) fn root(&self) -> Element<'_, 'a> {
        Element { tree: self, at: 0 }
    }

    /// All elements, in the order of the document.
    pub(crate) fn elements(&self) -> impl Iterator<Item = Element<'_, 'a>> {
        (0..self.nodes.len()).filter_map(|at| {
            let at = u32::try_from(at).ok()?;
            Some(Element { tree: self, at })
        })
    }
}

/// The tree under way.
struct Builder<'a> {
    text: &'a str,
    reader: NsReader<&'a [u8]>,
    nodes: Vec<Node<'a>>,
    /// The open elements; `None` for one that is left out.
    open: Vec<Option<u32>>,
    /// How far lines were counted, and how many.
    counted: (usize, u64),
}

impl<'a> Builder<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text,
            reader: NsReader::from_str(text),
            nodes: Vec::new(),
            open: Vec::new(),
            counted: (0, 1),
        }
    }

    fn build(mut self, until: Option<&str>) -> Result<Tree<'a>, Fault> {
        let bad = |_error| Fault::NotWellFormed;
        loop {
            let before = self.position();
            let event = self.reader.read_event().map_err(bad)?;
            match event {
                Event::Start(start) => self.start(&start, before)?,
                Event::Empty(start) => {
                    self.start(&start, before)?;
                    self.end();
                }
                Event::End(_) => {
                    let name = self.end();
                    if until.is_some_and(|until| name == Some(until)) {
                        break;
                    }
                }
                Event::Text(text) => self.text(text.xml10_content()),
                Event::CData(text) => self.text(text.xml10_content()),
                Event::GeneralRef(reference) => {
                    let character = reference
                        .resolve_char_ref()
                        .map_err(|_error| Fault::Entity)?;
                    let meant = match (character, &*reference) {
                        (Some(character), _) => character,
                        (None, "amp") => '&',
                        (None, "lt") => '<',
                        (None, "gt") => '>',
                        (None, "quot") => '"',
                        (None, "apos") => '\'',
                        (None, _) => return Err(Fault::Entity),
                    };
                    self.text(Cow::Owned(meant.to_string()));
                }
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
                Event::Eof => {
                    if !self.open.is_empty() {
                        return Err(Fault::NotWellFormed);
                    }
                    break;
                }
            }
        }
        if self.nodes.is_empty() {
            return Err(Fault::NoRoot);
        }
        Ok(Tree {
            text: self.text,
            nodes: self.nodes,
        })
    }

    fn position(&self) -> usize {
        let position = usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX);
        position.min(self.text.len())
    }

    fn start(&mut self, start: &BytesStart<'_>, before: usize) -> Result<(), Fault> {
        if self.open.len() >= DEPTH_MAX {
            return Err(Fault::TooDeep);
        }
        let (namespace, _) = self.reader.resolver().resolve_element(start.name());
        let is_ours = match namespace {
            ResolveResult::Bound(Namespace(uri)) => NAMESPACES.contains(&uri),
            ResolveResult::Unbound | ResolveResult::Unknown(_) => false,
        };
        let parent = self.open.last().copied();
        // What stands in an element that is left out is left out with it.
        if !is_ours || parent == Some(None) {
            self.open.push(None);
            return Ok(());
        }
        if parent.is_none() && !self.nodes.is_empty() {
            return Err(Fault::NotWellFormed);
        }
        if self.nodes.len() >= NODES_MAX {
            return Err(Fault::TooLarge);
        }
        let at = u32::try_from(self.nodes.len()).map_err(|_error| Fault::TooLarge)?;
        let line = self.line(before);
        let after = self.position();
        let written = self.text.get(before..after).unwrap_or_default();
        let node = Node {
            name: name_of(written),
            attributes: attributes(start, written)?,
            content: Vec::new(),
            line,
            span: (before, after),
        };
        self.nodes.push(node);
        if let Some(Some(parent)) = parent {
            self.nodes[parent as usize]
                .content
                .push(Content::Element(at));
        }
        self.open.push(Some(at));
        Ok(())
    }

    /// Closes an element; its name, where it is in the tree.
    fn end(&mut self) -> Option<&'a str> {
        let at = self.open.pop().flatten()? as usize;
        self.nodes[at].span.1 = self.position();
        Some(self.nodes[at].name)
    }

    fn text(&mut self, text: Cow<'_, str>) {
        if let Some(Some(at)) = self.open.last() {
            let text = Cow::Owned(text.into_owned());
            self.nodes[*at as usize].content.push(Content::Text(text));
        }
    }

    /// The line of a place; places come in order.
    fn line(&mut self, place: usize) -> u64 {
        let between = &self.text.as_bytes()[self.counted.0.min(place)..place];
        self.counted.1 += memchr::memchr_iter(b'\n', between).count() as u64;
        self.counted.0 = place;
        self.counted.1
    }
}

/// The local name of the element that begins a text.
fn name_of(written: &str) -> &str {
    let written = written.trim_start_matches('<');
    let end = written.find(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>'));
    local(&written[..end.unwrap_or(written.len())])
}

fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

/// The attributes but for declarations of namespaces, by local name.
fn attributes<'a>(
    start: &BytesStart<'_>,
    written: &'a str,
) -> Result<Vec<(&'a str, Cow<'a, str>)>, Fault> {
    let mut found = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|_error| Fault::NotWellFormed)?;
        let key = attribute.key.into_inner();
        if key == "xmlns" || key.starts_with("xmlns:") {
            continue;
        }
        let value = attribute
            .normalized_value(XmlVersion::Explicit1_0)
            .map_err(|_error| Fault::Entity)?;
        // The name as it stands in the text, which outlives the reader's event.
        let Some(place) = written.find(key) else {
            continue;
        };
        let key = local(&written[place..place + key.len()]);
        found.push((key, Cow::Owned(value.into_owned())));
    }
    Ok(found)
}

impl<'t, 'a> Element<'t, 'a> {
    fn node(self) -> &'t Node<'a> {
        &self.tree.nodes[self.at as usize]
    }

    /// The local name.
    pub(crate) fn name(self) -> &'a str {
        self.node().name
    }

    /// The 1-based line of the document on which it begins.
    pub(crate) fn line(self) -> u64 {
        self.node().line
    }

    /// The element as it stands in the document.
    pub(crate) fn written(self) -> &'a str {
        let (start, end) = self.node().span;
        self.tree.text.get(start..end).unwrap_or_default()
    }

    /// An attribute, trimmed; `None` where it is absent or empty.
    pub(crate) fn attribute(self, name: &str) -> Option<&'t str> {
        let mut all = self.node().attributes.iter();
        let value = all.find(|(key, _)| *key == name)?.1.trim();
        (!value.is_empty()).then_some(value)
    }

    pub(crate) fn children(self) -> impl Iterator<Item = Element<'t, 'a>> {
        self.node().content.iter().filter_map(move |one| match one {
            Content::Element(at) => Some(Element {
                tree: self.tree,
                at: *at,
            }),
            Content::Text(_) => None,
        })
    }

    /// The children of a name.
    pub(crate) fn all(self, name: &str) -> impl Iterator<Item = Element<'t, 'a>> {
        self.children().filter(move |child| child.name() == name)
    }

    /// The first child of a name.
    pub(crate) fn child(self, name: &str) -> Option<Element<'t, 'a>> {
        self.all(name).next()
    }

    /// It and all elements within, in the order of the document.
    pub(crate) fn descendants(self) -> impl Iterator<Item = Element<'t, 'a>> {
        let end = self.node().span.1;
        let all = self.tree.elements().skip(self.at as usize);
        all.take_while(move |one| one.node().span.0 < end)
    }

    /// The first element down a path of names.
    pub(crate) fn at(self, path: &[&str]) -> Option<Element<'t, 'a>> {
        path.iter()
            .try_fold(self, |element, name| element.child(name))
    }

    /// Its own text and that of all within, with white space as written.
    pub(crate) fn collect(self, out: &mut String, each: &mut dyn FnMut(Self, &mut String) -> bool) {
        for one in &self.node().content {
            match one {
                Content::Text(text) => out.push_str(text),
                Content::Element(at) => {
                    let element = Element {
                        tree: self.tree,
                        at: *at,
                    };
                    if each(element, out) {
                        element.collect(out, each);
                    }
                }
            }
        }
    }

    /// All text within, in single spaces.
    pub(crate) fn text(self) -> String {
        let mut out = String::new();
        self.collect(&mut out, &mut |_, out| {
            out.push(' ');
            true
        });
        out.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V3: &str = "xmlns='urn:hl7-org:v3' xmlns:s='urn:hl7-org:sdtc' xmlns:x='urn:other'";

    #[test]
    fn elements_texts_and_references() {
        let text = format!(
            "<?xml version='1.0'?>\n<a {V3} k='1 &amp; 2'>\n\
             <s:b x:k='v'>t&lt;&#65;<![CDATA[<c>]]></s:b>\
             <x:b><b/></x:b></a>"
        );
        let tree = Tree::parse(&text).unwrap();
        let root = tree.root();
        assert_eq!((root.name(), root.line()), ("a", 2));
        assert_eq!(root.attribute("k"), Some("1 & 2"));
        let inner: Vec<_> = root.all("b").collect();
        assert_eq!(inner.len(), 1);
        assert_eq!((inner[0].text().as_str(), inner[0].line()), ("t<A<c>", 3));
        assert_eq!(inner[0].attribute("k"), Some("v"));
        assert!(inner[0].written().starts_with("<s:b") && inner[0].written().ends_with("</s:b>"));
    }

    #[test]
    fn what_is_no_document_is_told() {
        let fault = |text: &str| Tree::parse(text).err();
        let deep = format!("<a {V3}>{}", "<a>".repeat(300));
        let laughs =
            format!("<!DOCTYPE a [<!ENTITY l 'ha'><!ENTITY m '&l;&l;&l;'>]><a {V3}>&m;</a>");
        let inside = format!("<!DOCTYPE a [<!ENTITY l 'ha'>]><a {V3} k='&l;'/>");
        for (text, expected) in [
            ("", Fault::NoRoot),
            ("words", Fault::NoRoot),
            ("<a/>", Fault::NoRoot),
            (&format!("<a {V3}>"), Fault::NotWellFormed),
            (&format!("<a {V3}></b>"), Fault::NotWellFormed),
            (&format!("<a {V3} k=1/>"), Fault::NotWellFormed),
            (&deep, Fault::TooDeep),
            (&laughs, Fault::Entity),
            (&inside, Fault::Entity),
        ] {
            assert_eq!(fault(text), Some(expected), "{text:.40}");
        }
    }
}
