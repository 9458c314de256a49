"""What the wheel has beside the modules: the files that ``reprotune new`` writes."""

import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))

from reprotune.scaffold.listing import PACKED, list_files  # noqa: E402


class Build(build_py):
    """Copies them in; an editable install reads them where they are."""

    def run(self) -> None:
        super().run()
        for file in [] if self.editable_mode else list_files(ROOT):
            target = Path(self.build_lib) / "reprotune" / PACKED / file
            self.mkpath(str(target.parent))
            self.copy_file(str(ROOT / file), str(target))

    def get_source_files(self) -> list[str]:
        """What a source distribution has to hold, too."""
        return [*super().get_source_files(), *map(str, list_files(ROOT))]


setup(cmdclass={"build_py": Build})
