"""An Alembic project of one parts shop, brought to one of its versions.

    python shop.py FILE old|new|check|autogenerate [filter]

`old` is the first revision, `new` the last one (batch mode); `check` fails unless the tables are as models.py says.
`autogenerate` has Alembic compare the file with models.py, write down what it finds, and applies that unread: so
it drops every table that it does not know. With `filter` it is told to leave Dunlin's alone.
With TRACE=1 each statement is told on standard error.

Needs:  Alembic and SQLAlchemy, in the versions of ../requirements.txt.
Leaves: the tables of the project in FILE.
"""

import shutil
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True

from alembic import command
from alembic.config import Config

HERE = Path(__file__).parent


def project(file, versions, only_ours=False):
    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", str(versions))
    config.attributes.update(file=file, only_ours=only_ours)
    return config


def autogenerate(file, only_ours):
    """A revision of its own, beside a copy of the others."""
    with tempfile.TemporaryDirectory() as folder:
        versions = Path(folder) / "versions"
        shutil.copytree(HERE / "versions", versions)
        config = project(file, versions, only_ours)
        made = command.revision(config, "found", autogenerate=True)
        command.upgrade(config, "head")
        # The next one to ask finds the project at its own last revision.
        text = Path(made.path).read_text()
        for line in text.splitlines():
            if "op." in line:
                print(line.strip())
        command.stamp(project(file, HERE / "versions"), "head", purge=True)


def main(file, version, only_ours=None):
    config = project(file, HERE / "versions", only_ours=True)
    if version == "old":
        command.upgrade(config, "first")
    elif version == "new":
        command.upgrade(config, "head")
    elif version == "autogenerate":
        autogenerate(file, only_ours == "filter")
    elif version == "check":
        command.check(config)


if __name__ == "__main__":
    main(*sys.argv[1:])
