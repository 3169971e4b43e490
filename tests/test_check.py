"""`make check`: a part is run until it passes, and again when a file that it depends on changes."""

import json
import tomllib
from pathlib import Path

import pytest
from check import main, parts_of
from click.testing import CliRunner, Result

ROOT = Path(__file__).parent.parent
TABLE = """\
[slow]
title = "counts its runs"
command = "sh -c 'echo run >> slow.txt'"
inputs = ["source"]
minutes = 5

[quick]
title = "counts its runs, and fails while there is a file `broken`"
command = "sh -c 'echo run >> quick.txt; echo why it failed; test ! -e broken'"
inputs = ["source/a.py"]
minutes = 1
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/checks.toml").write_text(TABLE)
    (tmp_path / "tests/conftest.py").write_text("")
    (tmp_path / "requirements.lock").write_text("tool==1\n")
    (tmp_path / "source").mkdir()
    (tmp_path / "source/a.py").write_text("1")
    (tmp_path / "source/b.py").write_text("2")
    return tmp_path


def check(root: Path, *words: str) -> Result:
    return CliRunner().invoke(main, [*words, "--root", str(root)])


def runs(root: Path) -> dict[str, int]:
    return {path.stem: len(path.read_text().splitlines()) for path in root.glob("*.txt")}


def test_part_that_passed_is_run_again_when_an_input_changes(root: Path) -> None:
    assert check(root).exit_code == 0
    assert check(root).exit_code == 0
    assert runs(root) == {"slow": 1, "quick": 1}
    (root / "source/b.py").write_text("3")
    assert "not run on these files" in check(root, "--list").output
    check(root)
    assert runs(root) == {"slow": 2, "quick": 1}
    (root / "source/c.py").write_text("")  # a new file counts too
    check(root)
    assert runs(root) == {"slow": 3, "quick": 1}
    (root / "requirements.lock").write_text("tool==2\n")
    check(root)
    assert runs(root) == {"slow": 4, "quick": 2}


def test_part_that_failed_is_shown_and_run_again(root: Path) -> None:
    (root / "broken").touch()
    found = check(root)
    assert found.exit_code == 1
    assert "why it failed" in found.output
    assert runs(root) == {"slow": 1, "quick": 1}, "the others are run all the same"
    (root / "broken").unlink()
    assert check(root).exit_code == 0
    assert runs(root) == {"slow": 1, "quick": 2}


def test_part_that_takes_too_long_fails(root: Path) -> None:
    table = TABLE.replace("sh -c 'echo run >> slow.txt'", "sleep 60").replace("minutes = 5", "minutes = 0.005")
    (root / "tests/checks.toml").write_text(table)
    found = check(root, "slow", "--minutes", "1")
    assert found.exit_code == 1
    assert "failed or took too long" in found.output


def test_only_what_is_touched_and_fits_the_shortest_first(root: Path) -> None:
    assert check(root, "quick", "--record").exit_code == 0
    assert json.loads((root / "tests/checked.json").read_text()).keys() == {"quick"}
    (root / "build/check/results.json").unlink()  # as in a clean clone
    assert check(root, "--touched", "--minutes", "3").exit_code == 0
    assert runs(root) == {"quick": 1}, "quick is recorded, and slow does not fit"
    (root / "source/a.py").write_text("4")
    found = check(root, "--touched")
    assert found.output.index("quick:") < found.output.index("slow:")
    assert runs(root) == {"slow": 1, "quick": 2}


def test_record_keeps_what_has_passed_on_these_files_alone(root: Path) -> None:
    """Not a later failure on other files, which the folder of results has."""
    assert check(root, "quick", "--record").exit_code == 0
    recorded = (root / "tests/checked.json").read_text()
    (root / "source/a.py").write_text("4")
    (root / "broken").touch()
    assert check(root, "quick", "--record").exit_code == 1
    (root / "source/a.py").write_text("1")
    assert check(root, "quick", "--touched", "--record").exit_code == 0
    assert (root / "tests/checked.json").read_text() == recorded


def test_bad_input_says_what_is_wrong(root: Path) -> None:
    found = check(root, "slwo")
    assert found.exit_code == 2
    assert "must be of slow, quick, not slwo" in found.output
    (root / "source/a.py").unlink()
    found = check(root)
    assert found.exit_code == 2
    assert "inputs of [quick] must exist: source/a.py does not" in found.output


def test_every_test_that_is_marked_belongs_to_a_part() -> None:
    marked = {path.name for path in ROOT.glob("tests/**/test_*.py") if "mark.check" in path.read_text()}
    commands = " ".join(each["command"] for each in tomllib.loads((ROOT / "tests/checks.toml").read_text()).values())
    assert sorted(name for name in marked - {"test_check.py"} if f"tests/{name}" not in commands) == []


def test_parts_of_the_project_have_inputs_that_exist() -> None:
    assert all(len(part.digest(ROOT)) == 20 for part in parts_of(ROOT / "tests/checks.toml"))
