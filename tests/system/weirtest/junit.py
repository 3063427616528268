# SPDX-License-Identifier: ISC
"""
Checks JUnit's XML by the schema that its readers share: the elements in each element and their order, and
the attributes that it must or may have, and their form.
"""

import re
import xml.etree.ElementTree as ET

COUNT, SECONDS, TEXT = r"\d+", r"\d+(\.\d+)?", r"(?s).*"
NAME = r"(?s).+"
COUNTS = {"tests": COUNT, "failures": COUNT, "errors": COUNT}

# element: (the attributes that it must have, those that it may have, the elements in it in their order, has it text?)
RULES = {
    "testsuites": ({}, {"name": TEXT, "skipped": COUNT, "time": SECONDS, **COUNTS}, ["testsuite*"], False),
    "testsuite": ({"name": NAME, **COUNTS},
                  {"id": COUNT, "package": NAME, "skipped": COUNT, "time": SECONDS, "hostname": NAME,
                   "timestamp": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"},
                  ["properties?", "testcase*", "system-out?", "system-err?"], False),
    "properties": ({}, {}, ["property*"], False),
    "property": ({"name": NAME, "value": TEXT}, {}, [], False),
    "testcase": ({"name": NAME, "classname": NAME}, {"time": SECONDS},
                 ["skipped?", "error*", "failure*", "system-out?", "system-err?"], False),
    "failure": ({"type": NAME}, {"message": TEXT}, [], True),
    "error": ({"type": NAME}, {"message": TEXT}, [], True),
    "skipped": ({}, {"message": TEXT}, [], True),
    "system-out": ({}, {}, [], True),
    "system-err": ({}, {}, [], True),
}


def check(element):
    """Asserts that an element, and all that is in it, keeps the rules."""
    must, may, inside, has_text = RULES[element.tag]
    assert set(must) <= set(element.attrib) <= {*must, *may}, (element.tag, element.attrib)
    for name, value in element.attrib.items():
        assert re.fullmatch({**must, **may}[name], value), (element.tag, name, value)
    order = "".join(f"({one[:-1]} ){one[-1]}" for one in inside)
    assert re.fullmatch(order, "".join(f"{child.tag} " for child in element)), [child.tag for child in element]
    assert has_text or not (element.text or "").strip()
    for child in element:
        assert not (child.tail or "").strip()
        check(child)


def read(path):
    """The testsuites of a file, which must keep the schema and have the right counts."""
    root = ET.parse(path).getroot()
    assert root.tag == "testsuites"
    check(root)
    for one in (root, *root):
        for name, path in (("tests", ".//testcase"), ("failures", ".//failure"), ("errors", ".//error")):
            assert int(one.get(name)) == len(one.findall(path)), (one.tag, name)
    return root
