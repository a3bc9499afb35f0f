"""What it costs to start: the imports that ``--help`` and ``--version`` must do without."""

import os
import re
import subprocess
import sys

import pytest

from gemax_cli.cli.main import COMMANDS, run

HEAVY = ("numpy", "numba", "open3d", "joblib", "imageio", "scipy", "PIL", "rich", "matplotlib", "jinja2", "torch")
BENCHES = ("bench solver", "bench pipeline", "bench images")
PROBE = """
import sys
from gemax_cli.cli.main import run
code = run(sys.argv[1:])
print(*(name for name in {heavy!r} if name in sys.modules), file=sys.stderr)
sys.exit(code)
"""


def probe(*arguments):
    command = [sys.executable, "-c", PROBE.format(heavy=HEAVY), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("line", ["--help", "--version", *(f"{name} --help" for name in (*COMMANDS, *BENCHES))])
@pytest.mark.slow
def test_help_imports_nothing_heavy(line):
    done = probe(*line.split())
    assert done.returncode == 0
    assert done.stderr.strip() == ""
    assert "gemax" in done.stdout


def test_a_usage_error_imports_nothing_heavy():
    done = probe("convert", "--frobnicate")
    assert done.returncode == 2
    assert "No such option" in done.stderr
    assert done.stderr.splitlines()[-1] == ""


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_the_first_screen_fits_and_says_what_to_do(monkeypatch, capsys, arguments):
    monkeypatch.setenv("COLUMNS", "80")
    assert run(arguments) == 0
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert printed.err == ""
    assert all(line.isprintable() and len(line) <= 80 and "\\b" not in line for line in lines)
    assert "\n  gemax demo\n" in printed.out
    assert [line.split()[0] for line in lines if line[2:].startswith(COMMANDS)] == list(COMMANDS)


def test_a_group_alone_is_its_help(capsys):
    assert run(["bench"]) == 0
    assert "  solver " in capsys.readouterr().out


@pytest.mark.parametrize(("typed", "meant"), [("convert --tua 20", "--tau"), ("--verison", "--version")])
def test_a_mistyped_option_is_suggested(capsys, typed, meant):
    assert run(typed.split()) == 2
    assert re.search(f"(Did you mean|Possible options).*{meant}", capsys.readouterr().err)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_mistyped_command_is_suggested(capsys, name):
    assert run([name[:2] + name[3:] + "x"]) == 2
    assert f"Did you mean '{name}'?" in capsys.readouterr().err


def complete(monkeypatch, capsys, line):
    monkeypatch.setenv("_GEMAX_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
    assert run([]) == 0
    return [answer.partition(",")[2] for answer in capsys.readouterr().out.split()]


def test_the_shell_completes_commands_options_and_choices(monkeypatch, capsys):
    assert complete(monkeypatch, capsys, "gemax ") == list(COMMANDS)
    assert complete(monkeypatch, capsys, "gemax conv") == ["convert"]
    assert complete(monkeypatch, capsys, "gemax bench s") == ["solver"]
    assert complete(monkeypatch, capsys, "gemax convert raw out --tau 20 30 --mapp") == ["--mapping"]
    assert complete(monkeypatch, capsys, "gemax convert --mapping sub") == ["subject"]


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.slow
def test_a_finished_folder_is_checked_without_numba(raw, tmp_path, jobs):
    line = ["convert", str(raw), str(tmp_path / "out"), "--tau", "20", "-q", "--jobs", jobs]
    code = "import sys\nfrom gemax_cli.cli import main\ntry: main.main(sys.argv[1:])\n"
    code += "finally: print(*sorted({'numba', 'joblib', 'PIL'} & set(sys.modules)))\n"
    runs = [subprocess.run([sys.executable, "-c", code, *line], capture_output=True, text=True) for _ in range(2)]
    assert [run.returncode for run in runs] == [0, 0]
    assert runs[1].stdout.split() == []
    assert "numba" in runs[0].stdout if jobs == "1" else "numba" not in runs[0].stdout


@pytest.mark.slow
def test_both_face_databases_convert_without_open3d(raw, tmp_path):
    code = (
        "import sys; sys.modules['open3d'] = None; from gemax_cli.cli.main import run; "
        f"sys.exit(run(['convert', {str(raw)!r}, {str(tmp_path / 'out')!r}, '--jobs', '1', '--tau', '20']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "out").rglob("depth16.png"))) == 6


@pytest.mark.parametrize(("error", "said"), [("KeyboardInterrupt", False), ("ValueError", True)])
def test_a_signal_that_is_lost_in_a_finaliser_is_not_told_as_an_error(error, said):
    """It was recorded and is raised again; other errors there are printed as usual."""
    code = "from gemax_cli.cli import signals\nsignals.install()\n"
    code += f"class Lost:\n    def __del__(self):\n        raise {error}()\nLost()\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert ("Exception ignored" in done.stderr) is said


@pytest.mark.parametrize(("debug", "words"), [("", ""), ("1", "RuntimeWarning: of a library")])
def test_warnings_of_libraries_do_not_reach_the_terminal(debug, words):
    code = (
        "import warnings; from gemax_cli.cli import main as m; "
        "m.run = lambda _: warnings.warn('of a library', RuntimeWarning) or 0; m.main([])"
    )
    environment = {**os.environ, "GEMAX_DEBUG": debug, "PYTHONWARNINGS": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env=environment, check=True
    )
    assert words in done.stderr
    assert bool(words) == bool(done.stderr)
