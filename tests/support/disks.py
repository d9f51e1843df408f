"""A file system of 1 MiB that can be filled; needs the right to mount."""

import subprocess

import pytest


class SmallDisk:
    def __init__(self, path):
        path.mkdir()
        self.path = path
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(path)],
                                 capture_output=True, check=False)
        if mounted.returncode:
            pytest.skip("mounting is not permitted")

    def fill(self):
        with open(self.path / "ballast", "wb", buffering=0) as file:
            try:
                while file.write(b"x" * 1024):
                    pass
            except OSError:
                pass

    def free(self):
        (self.path / "ballast").unlink()

    def close(self):
        subprocess.run(["umount", "-l", str(self.path)], check=True)
