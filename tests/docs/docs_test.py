"""The pages and the code say the same, and no link leads nowhere.

docs_test.py GATEWAY_BINARY SOURCE_DIRECTORY
"""
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

GATEWAY = pathlib.Path(sys.argv[1])
SOURCE = pathlib.Path(sys.argv[2])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
EVENT = re.compile(
    r'log::(?:debug|info|warn|error|write)\(\s*(?:[\w:]+,\s*)?"(\w+)"')
FIELD = re.compile(r'\{\s*"(\w+)",')


def text(path):
    return (SOURCE / path).read_text(encoding="utf-8")


def pages():
    return sorted(page for page in SOURCE.rglob("*.md")
                  if "build" not in page.relative_to(SOURCE).parts)


def without_code(markdown):
    return re.sub(r"`[^`\n]*`", "", re.sub(r"(?ms)^```.*?^```$", "", markdown))


def anchors(markdown):
    """The anchors that headings get, as forges make them."""
    found = set()
    for heading in re.findall(r"(?m)^#+ (.*)$", re.sub(r"(?ms)^```.*?^```$", "", markdown)):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        found.add(re.sub(r"[^\w\- ]", "", plain).replace(" ", "-"))
    return found


def broken_links(page, markdown):
    broken = []
    for link in LINK.findall(without_code(markdown)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists():
            broken.append(f"{page}: {link}")
        elif anchor and target.suffix == ".md" and \
                anchor not in anchors(target.read_text(encoding="utf-8")):
            broken.append(f"{page}: {link} (no such heading)")
    return broken


def call_at(source, start):
    """The call whose parenthesis opens first at or behind `start`, up to its end."""
    depth, quoted, at = 0, False, start
    while at < len(source):
        letter = source[at]
        if quoted and letter == "\\":
            at += 1
        elif letter == '"':
            quoted = not quoted
        elif not quoted and letter in "()":
            depth += 1 if letter == "(" else -1
            if depth == 0:
                break
        at += 1
    return source[start:at]


def events_of(source):
    """Each event that the source logs, with the fields of the call."""
    found = {}
    for match in EVENT.finditer(source):
        fields = FIELD.findall(call_at(source, match.start()))
        found.setdefault(match.group(1), set()).update(fields)
    return found


def events_of_gateway():
    found = {}
    for path in sorted((SOURCE / "gateway").rglob("*.?pp")):
        for event, fields in events_of(path.read_text(encoding="utf-8")).items():
            found.setdefault(event, set()).update(fields)
    return found


def rows(markdown, heading):
    """First cell -> the whole row, of the tables below a heading; none may stand there twice."""
    section = re.split(r"(?m)^#+ ", markdown.split(heading + "\n", 1)[1])[0]
    found = re.findall(r"(?m)^(\| `(\w+)` \|.*)$", section)
    assert len({name for _, name in found}) == len(found), f"a row twice below {heading}"
    return {name: row for row, name in found}


class Docs(unittest.TestCase):
    maxDiff = None

    def test_every_relative_link_leads_somewhere(self):
        self.assertGreater(len(pages()), 8)
        broken = [b for page in pages()
                  for b in broken_links(page, page.read_text(encoding="utf-8"))]
        self.assertEqual(broken, [])

    def test_a_broken_link_is_found(self):
        page = SOURCE / "README.md"
        self.assertEqual(len(broken_links(page, "[a](docs/nothing.md) [b](#nowhere)")), 2)
        self.assertEqual(broken_links(page, "# Here\n[a](docs/api.md) `[b](none.md)`"), [])

    def test_every_log_event_is_in_operations_with_its_fields(self):
        table = rows(text("docs/operations.md"), "### Events")
        events = events_of_gateway()
        self.assertGreater(len(events), 20)
        self.assertEqual(sorted(table), sorted(events))
        for event, fields in events.items():
            missing = [field for field in sorted(fields) if f"`{field}`" not in table[event]]
            self.assertEqual(missing, [], f"fields of {event} that its row does not name")

    def test_events_are_read_with_their_fields(self):
        source = 'log::warn(\n  "a_b", {{"x", f(")")},\n {"y", 1}}); log::info("c"); g({"z", 1});'
        self.assertEqual(events_of(source), {"a_b": {"x", "y"}, "c": set()})
        self.assertEqual(events_of('log::write(level, "d", {{"k", v}});'), {"d": {"k"}})

    def test_every_field_of_the_access_log_is_in_operations(self):
        source = text("gateway/call/access_line.cpp")
        fields = re.findall(r'append_(?:text|ms)\(out, "(\w+)"', source)
        fields += re.findall(r'\\"(\w+)\\":', source)
        self.assertGreater(len(set(fields)), 8)
        table = rows(text("docs/operations.md"), "### Access log")
        self.assertEqual(sorted(table), sorted(set(fields)))

    def test_every_subcommand_and_its_options_are_in_the_page_of_the_command_line(self):
        def help_of(*command):
            done = subprocess.run([GATEWAY, *command, "--help"], text=True, check=True,
                                  stdout=subprocess.PIPE)
            return done.stdout

        page = text("docs/cli.md")
        commands = re.findall(r"(?m)^  (\w+) ", help_of().split("Subcommands:")[1])
        self.assertGreater(len(commands), 7)
        for command in commands:
            self.assertRegex(page, rf"(?m)^\| `{command}\b", f"{command} has no row in docs/cli.md")
            for option in set(re.findall(r"--[a-z][a-z-]+", help_of(command))) - {"--help"}:
                self.assertIn(f"`{option}", page, f"{option} of {command}")

    def test_the_rooms_are_those_of_the_build(self):
        built = {}
        for room, rest in re.findall(r"(?m)^canary_room\((\w+)([^)]*)\)", text("CMakeLists.txt")):
            uses = re.search(r"USES\s+([a-z0-9\s]+?)\s*(?:LIBRARIES|$)", rest)
            built[room] = uses.group(1).split() if uses else []
        told = {room: row.rstrip("| ").rsplit("|", 1)[1].split() if not row.endswith("| |") else []
                for room, row in rows(text("docs/architecture.md"), "## Rooms").items()}
        self.assertGreater(len(built), 15)
        self.assertEqual(list(told.items()), list(built.items()))

    def test_the_tests_that_the_architecture_names_are_there(self):
        named = set(re.findall(r"`unit_(\w+)`", text("docs/architecture.md")))
        self.assertGreater(len(named), 3)
        for room in named:
            self.assertTrue(list((SOURCE / "tests/unit" / room).glob("*_test.cpp")), room)

    def test_every_decision_is_in_the_index(self):
        index = text("docs/decisions/README.md")
        records = sorted((SOURCE / "docs/decisions").glob("0*.md"))
        self.assertGreater(len(records), 10)
        for record in records:
            self.assertIn(f"({record.name})", index)
            for part in ("## Context", "## Decision", "## Consequence"):
                self.assertIn(part, record.read_text(encoding="utf-8"), record.name)

    def test_the_page_of_defaults_names_the_defaults(self):
        keys = dict(re.findall(r"(?m)^\| `([\w.\[\]*]+)` \| ([^|]*?) \|", text("docs/configuration.md")))
        named = 0
        for row in re.findall(r"(?m)^\| (`[^|]*?) \|", text("docs/defaults.md")):
            for key, default in re.findall(r"`([\w.]+)` ([^,`]+)", row):
                if key in keys:
                    shown = default.strip().removesuffix(" (no limit)")
                    self.assertEqual(shown.split(" at ")[0], keys[key].strip("`"), key)
                    named += 1
        self.assertGreater(named, 15)

    def test_the_configurations_that_the_pages_show_are_good(self):
        shown = [block for page in pages() for block in re.findall(
            r"(?ms)^```yaml\n(.*?)^```$", page.read_text(encoding="utf-8")) if "models:" in block]
        self.assertGreater(len(shown), 0)
        for block in shown:
            with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
                file.write(block)
                file.flush()
                done = subprocess.run([GATEWAY, "check", "-c", file.name], text=True,
                                      stdout=subprocess.PIPE)
            self.assertEqual(done.returncode, 0, done.stdout)

    def test_every_text_of_a_notice_is_in_the_page_of_notifications(self):
        page = text("docs/notifications.md")
        decisions = re.findall(r'(?m)^    \{EntryKind::(\w+),', text("gateway/notify/words.cpp"))
        self.assertGreater(len(decisions), 20)
        self.assertEqual(list(rows(page, "### By decision")), decisions)
        kinds = re.findall(r'return "(\w+)";', text("gateway/config/notice_kind.cpp"))
        self.assertEqual(list(rows(page, "## What is told")), list(dict.fromkeys(kinds)))
        fields = re.findall(r'(?:field|field_or_null|key)\("(\w+)"', re.search(
            r"(?s)void write_data.*?^}", text("gateway/notify/render.cpp"), re.M).group())
        self.assertGreater(len(fields), 10)
        for field in fields + ["measured"]:
            self.assertIn(f"`{field}`", page)

    def test_the_recipe_for_signatures_verifies_a_message(self):
        recipe = {}
        exec(re.search(r"(?ms)^```python\n(.*?)^```$", text("docs/notifications.md")).group(1), recipe)
        # Standard Webhooks' own example.
        secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
        headers = {"webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330",
                   "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="}
        self.assertTrue(recipe["verify"](secret, headers, body, now=1614265330))
        self.assertFalse(recipe["verify"](secret, headers, body + b" ", now=1614265330))
        self.assertFalse(recipe["verify"]("whsec_AAAA", headers, body, now=1614265330))
        self.assertFalse(recipe["verify"](secret, headers, body, now=1614265330 + 301))

    def test_the_rehearsal_that_the_readme_shows_is_what_the_command_prints(self):
        command, shown = re.search(r"(?ms)^\$ canary-gateway (rehearse [^\n]*)\n(.*?)^```$",
                                   text("README.md")).groups()
        done = subprocess.run([GATEWAY, *command.split()], text=True, cwd=SOURCE, check=True,
                              stdout=subprocess.PIPE)
        printed = iter(done.stdout.splitlines())
        self.assertGreater(len(shown.splitlines()), 10)
        for line in shown.splitlines():  # in this order; "..." stands for the rest of a line
            whole = not line.endswith("...")
            self.assertTrue(any(each == line if whole else each.startswith(line[:-3])
                                for each in printed), f"not printed, or not there: {line}")

    def test_the_scenarios_that_the_pages_show_are_good(self):
        shown = [block for page in pages() for block in re.findall(
            r"(?ms)^```yaml scenario\n(.*?)^```$", page.read_text(encoding="utf-8"))]
        self.assertGreater(len(shown), 1)
        for block in shown:
            with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
                file.write(block)
                file.flush()
                done = subprocess.run(
                    [GATEWAY, "rehearse", "-c", SOURCE / "config/plans/comp-critic.yaml", "-s",
                     file.name, "--duration", "1m"], text=True, stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE)
            self.assertIn(done.returncode, (0, 1), done.stderr)

    def test_every_metric_that_is_alerted_on_is_in_the_page_of_metrics(self):
        rules = text("deploy/prometheus/rules.yaml")
        names = set(re.findall(r"canary_gateway_\w+", rules))
        self.assertGreater(len(names), 5)
        for name in names:
            plain = re.sub(r"_(bucket|sum|count)$", "", name)
            self.assertIn(f"`{plain}`", text("docs/metrics.md"))


unittest.main(argv=sys.argv[:1])
