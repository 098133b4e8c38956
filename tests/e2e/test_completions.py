"""`regent completions`: its scripts in the shells themselves, as a person at a terminal asks for more by the
tab key."""

import os
import pathlib
import pty
import select
import shutil
import subprocess
import tempfile
import time
import unittest

import harness

# What is typed, and what there is to choose from.
CHOICES = [
    ("regent ", {"audit", "check", "completions", "dev", "drill", "help", "region", "watch"}),
    ("regent check --output ", {"text", "json", "sarif", "junit", "github", "markdown"}),
    ("regent audit --fail-on ", {"info", "warning", "error"}),
    ("regent audit --prob", {"--probe"}),
    ("regent check --dry-run", {"--dry-run-kms"}),
    ("regent watch --events-", {"--events-file", "--events-token-file"}),
    ("regent drill --for-r", {"--for-real"}),
    ("regent region d", {"delay", "down"}),
]


class Shell(unittest.TestCase):
    """A shell that has sourced the script, with the binary on its search path."""

    maxDiff = None

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="regent-complete-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        (self.folder / "regent").symlink_to(pathlib.Path(harness.REGENT).resolve())
        (self.folder / "only-template.yaml").write_text("Resources: {}\n")
        self.env = {
            "PATH": f"{self.folder}:{os.environ['PATH']}", "HOME": str(self.folder), "TERM": "dumb",
            "LC_ALL": "C.UTF-8",
        }

    def run_script(self, *command):
        done = subprocess.run(
            command, cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=60,
            stdin=subprocess.DEVNULL,
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def typed(self, command, *lines):
        """Types into an interactive shell, each line once the one before has been answered."""
        child, terminal = pty.fork()
        if child == 0:
            os.chdir(self.folder)
            os.execvpe(command[0], command, self.env)
        self.addCleanup(os.close, terminal)
        self.addCleanup(os.waitpid, child, 0)
        self.addCleanup(os.kill, child, 9)
        shown = ""
        for number, line in enumerate(lines):
            # What the terminal echoes has the two halves apart; what is printed has not.
            os.write(terminal, f"{line}\recho mark''{number}\r".encode())
            shown += self.until(terminal, f"mark{number}")
        return shown

    def until(self, terminal, mark):
        deadline, shown = time.monotonic() + harness.PATIENCE_S, ""
        while mark not in shown:
            ready, _, _ = select.select([terminal], [], [], max(0, deadline - time.monotonic()))
            self.assertTrue(ready, shown)
            shown += os.read(terminal, 65536).decode(errors="replace")
        return shown


class Bash(Shell):
    def test_each_place_has_its_choices(self):
        ask = """
            source <(regent completions bash)
            while IFS= read -r line; do
                read -ra COMP_WORDS <<< "$line"
                [[ $line == *' ' ]] && COMP_WORDS+=("")
                COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 )) COMPREPLY=()
                command=$(complete -p regent | sed 's/.* -F \\([^ ]*\\).*/\\1/')
                $command regent "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
                echo "${COMPREPLY[*]}"
            done
        """
        typed = "\n".join(line for line, _ in CHOICES) + "\n"
        done = subprocess.run(
            ["bash", "--norc", "-c", ask], input=typed, cwd=self.folder, env=self.env,
            capture_output=True, text=True, timeout=60,
        )
        self.assertEqual(done.stderr, "")
        for (line, choices), found in zip(CHOICES, done.stdout.splitlines(), strict=True):
            # It offers options everywhere.
            options = line.split(" ")[-1].startswith("-")
            words = {word for word in found.split() if options or not word.startswith("-")}
            self.assertEqual(words, choices, line)

    def test_the_tab_key_completes(self):
        # The line that the tab key has made is shown by putting `echo` before it.
        shown = self.typed(
            ["bash", "--norc", "--noprofile", "-i"],
            "source <(regent completions bash)",
            "regent aud\t--prob\t\x01echo '[\x05]'",
            "regent check only-t\t\x01echo '[\x05]'",
        )
        self.assertIn("[regent audit --probe ]", shown)
        self.assertIn("[regent check only-template.yaml ]", shown)


@unittest.skipUnless(shutil.which("zsh"), "zsh is not installed")
class Zsh(Shell):
    def test_the_tab_key_completes(self):
        shown = self.typed(
            ["zsh", "-f", "-i"],
            "autoload -U compinit; compinit -u -D; source <(regent completions zsh)",
            "regent aud\t--prob\t\x01echo '[\x05]'",
            "regent check --output sar\tonly-t\t\x01echo '[\x05]'",
        )
        self.assertIn("[regent audit --probe]", shown)
        self.assertIn("[regent check --output sarif only-template.yaml]", shown)


@unittest.skipUnless(shutil.which("fish"), "fish is not installed")
class Fish(Shell):
    def test_each_place_has_its_choices(self):
        for line, choices in CHOICES:
            found = self.run_script(
                "fish", "--no-config", "-c",
                f"regent completions fish | source; complete -C '{line}'",
            )
            self.assertEqual({one.split("\t")[0] for one in found.splitlines()}, choices, line)
