# SPDX-License-Identifier: ISC
"""Reads the text format of Prometheus, 0.0.4, strictly."""

import re

TYPE = "text/plain; version=0.0.4; charset=utf-8"
NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (\S+)", re.DOTALL)
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)')


class Metrics:
    """families: {name: type}; get() returns a sample by its name and labels."""

    def __init__(self, text):
        self.families, self.help, self._samples = {}, {}, {}
        family = None
        assert text.endswith("\n") and "\n\n" not in text
        for line in text[:-1].split("\n"):
            if line.startswith("# HELP "):
                family, words = line[7:].split(" ", 1)
                assert re.fullmatch(NAME, family) and family not in self.help and words, line
                self.help[family] = words
            elif line.startswith("# TYPE "):
                name, kind = line[7:].split(" ")
                assert name == family and name not in self.families, line
                assert kind in ("counter", "gauge", "histogram"), line
                assert (kind == "counter") == name.endswith("_total"), line
                self.families[family] = kind
            else:
                self._sample(family, line)

    def _sample(self, family, line):
        name, labels, value = SAMPLE.fullmatch(line).groups()
        suffixes = ("_bucket", "_sum", "_count") if self.families[family] == "histogram" else ("",)
        assert name in [family + suffix for suffix in suffixes], line
        assert re.fullmatch(r"[0-9]+(\.[0-9]+)?", value), line
        key = name, frozenset(self._labels(labels or "").items())
        assert key not in self._samples, line
        self._samples[key] = float(value)

    @staticmethod
    def _labels(text):
        labels, at = {}, 0
        while at < len(text):
            match = LABEL.match(text, at)
            assert match and match[1] not in labels, text
            labels[match[1]] = re.sub(r"\\(.)", lambda one: {"n": "\n"}.get(one[1], one[1]), match[2])
            at = match.end()
        return labels

    def get(self, name, **labels):
        """The value of a sample; None if there is none."""
        return self._samples.get((name, frozenset(labels.items())))

    def all(self, name):
        """[(labels, value)], in the order of the text."""
        return [(dict(labels), value) for (one, labels), value in self._samples.items() if one == name]
