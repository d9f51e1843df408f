#!/usr/bin/env python3
"""`cmake --install` puts everything where a packager expects it, and it works wherever it is put.
Usage: install_test.py BUILD_DIR SOURCE_DIR"""
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

BUILD, SOURCE = Path(sys.argv[1]), Path(sys.argv[2])
EXPECTED = {
    "usr/bin/canary-gateway",
    "usr/lib/systemd/system/canary-gateway.service",
    "usr/share/canary-gateway/schema.json",
    "usr/share/doc/canary-gateway/LICENSE",
    "usr/share/doc/canary-gateway/README.md",
    "usr/share/doc/canary-gateway/docs/operations.md",
    "usr/share/doc/canary-gateway/examples/example.yaml",
    "usr/share/doc/canary-gateway/examples/plans/comp-critic.yaml",
    "usr/share/doc/canary-gateway/examples/prometheus/rules.yaml",
}
PLACES = ("usr/bin/canary-gateway", "usr/lib/systemd/system/", "usr/share/canary-gateway/",
          "usr/share/doc/canary-gateway/")


def run(*command, **options):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          check=True, timeout=60, **options).stdout


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.root = Path(cls.directory.name)
        run("cmake", "--install", BUILD, "--prefix", "/usr",
            env={**os.environ, "DESTDIR": str(cls.root)})
        cls.gateway = cls.root / "usr/bin/canary-gateway"
        cls.examples = cls.root / "usr/share/doc/canary-gateway/examples"

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()

    def test_files_are_where_a_packager_expects_them(self):
        files = {str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file()}
        self.assertLessEqual(EXPECTED, files)
        self.assertEqual([], [path for path in files if not path.startswith(PLACES)])

    def test_the_unit_starts_the_installed_program(self):
        unit = (self.root / "usr/lib/systemd/system/canary-gateway.service").read_text()
        self.assertIn("\nExecStart=/usr/bin/canary-gateway run ", unit)
        self.assertNotIn("/usr/local", unit)

    def test_the_program_works_elsewhere_and_names_no_place_of_its_build(self):
        self.assertIn("canary-gateway", run(self.gateway, "version", cwd="/"))
        self.assertNotIn(os.fsencode(SOURCE), self.gateway.read_bytes())

    def test_the_installed_examples_are_accepted(self):
        files = [self.examples / "minimal.yaml", *self.examples.glob("plans/*.yaml")]
        self.assertGreater(len(files), 4)
        for file in files:
            run(self.gateway, "check", file, cwd="/")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
