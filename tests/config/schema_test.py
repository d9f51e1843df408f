"""The parser, config/schema.json and docs/configuration.md say the same.

Run by ctest: schema_test.py CONFIG_VERDICTS SOURCE_DIR [unittest arguments]
"""

import copy
import json
import pathlib
import re
import subprocess
import sys
import unittest

import jsonschema
import yaml

VERDICTS = sys.argv.pop(1)
SOURCE = pathlib.Path(sys.argv.pop(1))
SCHEMA = json.loads((SOURCE / "config/schema.json").read_text())
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)


class CoreLoader(yaml.SafeLoader):
    """YAML 1.2's core schema, as editors read the file: no octals, no `yes`, no dates."""

    yaml_implicit_resolvers = {}


for tag, pattern, first in [
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("int", r"^[-+]?[0-9]+$", "-+0123456789"),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$|^\.(?:nan|inf)$",
     "-+.0123456789"),
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
]:
    CoreLoader.add_implicit_resolver("tag:yaml.org,2002:" + tag, re.compile(pattern), list(first))


def parser_errors(documents):
    """The parser's errors for each text."""
    run = subprocess.run([VERDICTS], input="".join(text + "\0" for text in documents).encode(),
                         stdout=subprocess.PIPE, check=True, timeout=100)
    answers, errors = [], []
    for line in run.stdout.decode().splitlines():
        if line == ".":
            answers.append(errors)
            errors = []
        else:
            errors.append(line)
    assert len(answers) == len(documents)
    return answers


def schema_accepts(value):
    return VALIDATOR.is_valid(value)


# What a schema cannot say; everything else must be refused by both.
PARSER_ONLY = [
    r"a version name that stands once",
    r"a route that no other entry has",
    r"an address that .* does not take",
    r"at most triggers\.|at least success\.",
    r"a loopback address, or admin\.token_file beside it",
    r"each address once",
    r"expected a duration of ",  # the range of what is a duration
    r"expected a size of ",
    r"in steps of 0\.01",
    r"as phases rise",
    r"as a ladder falls|0 as the last rung",
    r"at least plan\.retire_after|at most plan\.remove_after",
    r"at most health\.interval|at least health\.timeout",
    r"found a text \(not shown\), expected a numeric address and a port",  # 999.1.1.1
    r"expected an address or a CIDR block|no bits behind its prefix",
    r"found a text \(not shown\), expected http://host:port",  # labels and ports of a URL
    r"expected a host name or address( without port|, or host:port)",
    r"found a text \(not shown\), expected an http or https URL",
    r"outside /internal and /ofrep",  # the other spellings of the two
    r"which is .* of this gateway",
    r"each receiver once",
]


def beyond_schema(error):
    return any(re.search(pattern, error) for pattern in PARSER_ONLY)


def schema_keys(node, path=""):
    """Every key path of the schema: models.*.match[].path_prefix"""
    node = dict(node)
    while "$ref" in node:
        target = SCHEMA
        for part in node.pop("$ref").lstrip("#/").split("/"):
            target = target[part]
        node.update(target)
    keys = set()
    for alternative in node.get("oneOf", []):
        keys |= schema_keys(alternative, path)
    inner = {(path + "." if path else "") + key: sub
             for key, sub in node.get("properties", {}).items()}
    keys |= set(inner)
    if isinstance(node.get("additionalProperties"), dict):
        inner[path + ".*"] = node["additionalProperties"]
    if "items" in node:
        inner[path + "[]"] = node["items"]
    for inner_path, sub in inner.items():
        keys |= schema_keys(sub, inner_path)
    return keys


def places(value, path=()):
    """Every path inside a document."""
    yield path
    children = value.items() if isinstance(value, dict) else \
        enumerate(value) if isinstance(value, list) else []
    for key, child in children:
        yield from places(child, path + (key,))


def replaced(document, path, value):
    document = copy.deepcopy(document)
    if not path:
        return value
    at = document
    for key in path[:-1]:
        at = at[key]
    if value is DELETED:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return document


def around(document, path):
    """The document without what is far from `path`: a small one is judged faster."""
    document = {key: value for key, value in document.items() if key in ("models", *path[:1])}
    keep = ("match", "stable", *path[2:3])
    document["models"] = {name: {key: value for key, value in model.items() if key in keep}
                          for name, model in document["models"].items()}
    return document


DELETED = object()
JUNK = [
    None, True, False, 0, 1, -1, 2.5, 99.99, 101, 256, 257, 404, 500, 8192, 70000, 10000001, 2**33,
    1e13, "", "x", "a b", "5", "0", "10%", "100%", "100.5%", "20000%", "05%", ".5%", "0s", "5s",
    "1h30m", "30m1h", "500d", "5", "64KiB", "8TiB", "64kb", "auto", "json", "accept", "immediate", "gradual",
    "sequential", "threshold", "cancel", "client_address", "first_byte", "true", "http://x",
    "http://x:80/", "http://x:0", "http://x:99999", "http://u@x:1", "http://x:1/p", "https://x:1",
    "http://[::1]:1", "x:1", "/x", "/internal", "/internal/x", "/internalx", "/ofrep:x", "/x?y",
    "/x#y", "/x y", "[::1]:0", "127.0.0.1:80", "127.0.0.1", "999.0.0.1:80", "10.0.0.0/8", "10.0.0.1/8",
    "::/200", "-x", "x-", "x..y", "\u0001", "\u00e9", " x", "y" * 101, "z" * 5000, "a,b", "a&b",
    [], ["x"], [[]], [404], [404, 404], [5, 0], [0], ["client_address"], {}, {"x": 1}, {"x": "y"},
    {"header": "x"}, {"header": "x", "cookie": "y"}, {"x": "y", "z": "y"}, {"a b": "c"},
    "https://x/y?z", "ftp://x", "http://x/#y", "slack", "webhook", "log", "#x", "X_1", "1X",
    ["rollback"], ["rollback", "rollback"], {"kind": "log"}, {"kind": "slack", "url": "http://x"},
    {"kind": "webhook", "url_env": "X"}, {"kind": "slack"}, [{"kind": "log"}],
    {"x": "a\nb"}, {"path_prefix": "/y"}, {"latency_p95": "1s"},
]


class SchemaAndParser(unittest.TestCase):
    maxDiff = None

    def test_the_examples_are_accepted_by_both(self):
        scenarios = set((SOURCE / "config").glob("scenarios/*/*.yaml"))  # of rehearsals
        for name in sorted(set((SOURCE / "config").glob("**/*.yaml")) - scenarios):
            text = name.read_text()
            self.assertEqual(parser_errors([text]), [[]], name)
            errors = [e.message for e in VALIDATOR.iter_errors(yaml.load(text, CoreLoader))]
            self.assertEqual(errors, [], name)

    def test_they_know_the_same_keys(self):
        known = subprocess.run([VERDICTS, "--keys"], stdout=subprocess.PIPE, check=True)
        known = known.stdout.decode().split()
        accepted = {key for key in known if not key.startswith("-")}
        self.assertEqual(schema_keys(SCHEMA), accepted)

    def test_the_example_shows_every_key(self):
        example = yaml.load((SOURCE / "config/example.yaml").read_text(), CoreLoader)
        shown = set()
        for path in places(example):
            if path and isinstance(path[-1], str):
                parts = ["[]" if isinstance(part, int) else "." + part for part in path]
                text = "".join(parts)[1:].replace("models.comp-critic", "models.*")
                shown.add(text.replace("header.X-Model", "header.*"))
        shown -= {"models.*", "models.*.match[].header.*"}
        self.assertEqual(shown, schema_keys(SCHEMA))

    def test_documents_of_the_table(self):
        cases = (SOURCE / "tests/config/documents.txt").read_text().split("=== ")[1:]
        self.assertGreater(len(cases), 20)
        texts = [case.split("\n", 1)[1] for case in cases]
        for case, text, errors in zip(cases, texts, parser_errors(texts)):
            expected, title = case.split("\n", 1)[0].split(": ", 1)
            accepts = schema_accepts(yaml.load(text, CoreLoader))
            verdict = {(True, True): "accepted", (False, False): "refused",
                       (True, False): "refused by the parser"}.get((accepts, not errors))
            self.assertEqual(verdict, expected, (title, errors))

    def test_they_agree_on_every_change_of_the_example(self):
        example = yaml.load((SOURCE / "config/example.yaml").read_text(), CoreLoader)
        changes = []
        for path in places(example):
            changes += [(path, junk) for junk in JUNK]
            if path:
                changes.append((path, DELETED))
        documents = [replaced(around(example, path), path, value) for path, value in changes]
        self.assertGreater(len(documents), 5000)
        answers = parser_errors([json.dumps(document) for document in documents])
        wrong = []
        for (path, value), document, errors in zip(changes, documents, answers):
            accepts = schema_accepts(document)
            shown = "deleted" if value is DELETED else repr(value)[:60]
            if not accepts and not errors:
                wrong.append(f"only the schema refuses {path} = {shown}")
            elif accepts and not all(beyond_schema(error) for error in errors):
                wrong.append(f"only the parser refuses {path} = {shown}: {errors[:3]}")
        self.assertEqual(wrong[:40], [], f"{len(wrong)} disagreements")

    def test_the_reference_names_every_key(self):
        page = (SOURCE / "docs/configuration.md").read_text()
        known = subprocess.run([VERDICTS, "--keys"], stdout=subprocess.PIPE, check=True)
        for key in known.stdout.decode().split():
            path = key.lstrip("-").replace("models.*.", "")
            self.assertIn(f"`{path}`", page)


if __name__ == "__main__":
    unittest.main()
