"""Who runs PostgreSQL, which refuses to be run by root."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Literal, TypedDict

from payhub.embedded.errors import EmbeddedError
from payhub.embedded.programs import ENVIRONMENT, Postgres

RunAs = Literal["auto", "self", "namespace", "other", "copy"]

STORE = Path("/var/lib/payhub-dev")
OTHERS = ("postgres", "nobody")


class Identity(TypedDict, total=False):
    """Arguments of `subprocess` that change who a child is."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class Account:
    """How a command is run so that PostgreSQL accepts its user, and which uid then owns the files."""

    uid: int
    gid: int
    prefix: tuple[str, ...] = ()

    def run(self, command: Sequence[str], *, life: Sequence[int] = ()) -> subprocess.CompletedProcess[str]:
        """Run a command to its end and keep what it said; should we be killed, it holds the lock of life till then."""
        return subprocess.run(
            [*self.prefix, *command], capture_output=True, text=True, check=False, cwd="/", env=ENVIRONMENT,
            stdin=subprocess.DEVNULL, umask=0o077, pass_fds=life, **self.identity,
        )  # fmt: skip

    @property
    def identity(self) -> Identity:
        """What a child process must be told to become this account; nothing if it is ours already."""
        return {} if self.uid == os.geteuid() else {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, folder: Path) -> None:
        """Make the folder and all in it belong to this account, whoever ran the server last time."""
        if folder.stat().st_uid == self.uid:
            return
        # From the bottom up: as long as the folder itself is not ours, the work is not done.
        for parent, folders, files in os.walk(folder, topdown=False):
            for name in folders + files:
                os.chown(Path(parent) / name, self.uid, self.gid, follow_symlinks=False)
        os.chown(folder, self.uid, self.gid)


@dataclass(frozen=True)
class Stage:
    """All that PostgreSQL needs before it can run: an account, programs and a place it can reach."""

    account: Account
    programs: Postgres
    data: Path

    def works(self) -> bool:
        """Try it with a harmless child: reach the folder, have a name in passwd, run the program."""
        probe = 'cd "$1" && id -un && "$2" --version'
        return self.account.run(["sh", "-c", probe, "sh", str(self.data.parent), self.programs["postgres"]]).returncode == 0


def choose_stage(run_as: RunAs, programs: Postgres, data: Path) -> Stage:
    """Take the first way of running PostgreSQL that this machine allows."""
    tried = [run_as] if run_as != "auto" else ["namespace", "other", "copy"] if os.geteuid() == 0 else ["self", "namespace"]
    for name in tried:
        stage = _STAGES[name](programs, data)
        if stage is not None and stage.works():
            return stage
    raise EmbeddedError(
        f"No account here can run PostgreSQL in {data} (tried: {', '.join(tried)}). "
        "Run as an ordinary user that has an entry in /etc/passwd, or allow user namespaces, or make the folder reachable "
        f"for the user {' or '.join(OTHERS)}; or name a server in DATABASE_URL."
    )


def _as_self(programs: Postgres, data: Path) -> Stage | None:
    uid = os.geteuid()
    return Stage(Account(uid, os.getegid()), programs, data) if uid else None


def _in_namespace(programs: Postgres, data: Path) -> Stage | None:
    """Use a user namespace in which our own uid is called 1: nothing changes hands, and 0700 folders stay closed."""
    unshare = shutil.which("unshare")
    if unshare is None:
        return None
    prefix = (unshare, "--user", "--map-user=1", "--map-group=1", "--")
    return Stage(Account(os.geteuid(), os.getegid(), prefix), programs, data)


def _as_other(programs: Postgres, data: Path) -> Stage | None:
    """Use a system user, who must be able to walk down to the folder and to the programs."""
    if os.geteuid() != 0:
        return None
    for name in OTHERS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Stage(Account(entry.pw_uid, entry.pw_gid), programs, data)
    return None


def _in_copy(programs: Postgres, data: Path) -> Stage | None:
    """Use a system user, with data and programs in a folder of the machine; the project keeps a link to the data."""
    # Data that is already in the project stays there: the store may not last as long as the project does.
    moved = data.is_relative_to(STORE.resolve())
    if os.geteuid() != 0 or (data.exists() and not moved):
        return None
    store = data.parent if moved else _new_store(data)
    stage = _as_other(programs, store / data.name)
    if stage is None:
        return None
    if not moved:
        data.symlink_to(stage.data)
    return replace(stage, programs=_copied(programs, store, stage.account)) if programs.from_wheel else stage


def _new_store(data: Path) -> Path:
    STORE.mkdir(exist_ok=True)
    STORE.chmod(0o711)
    # Never an earlier folder of the same project: whoever removed the project wanted its data gone.
    store = Path(tempfile.mkdtemp(prefix=sha256(str(data).encode()).hexdigest()[:8] + "-", dir=STORE))
    store.chmod(0o711)
    return store


def _copied(programs: Postgres, store: Path, account: Account) -> Postgres:
    """Copy the wheel's programs and the libraries they find beside them."""
    package = programs.bin.parents[1]
    stamp = str(int((programs.bin / "postgres").stat().st_mtime))
    copy = store / f"programs-{stamp}"
    if not copy.exists():
        unfinished = store / "programs.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        for folder in ("bin", "lib", "share"):
            shutil.copytree(package / "pginstall" / folder, unfinished / package.name / "pginstall" / folder)
        libraries = package.with_name(f"{package.name}.libs")
        shutil.copytree(libraries, unfinished / libraries.name)
        account.own(unfinished)
        unfinished.rename(copy)
    return replace(programs, bin=copy / package.name / "pginstall" / "bin")


_STAGES: dict[str, Callable[[Postgres, Path], Stage | None]] = {
    "self": _as_self,
    "namespace": _in_namespace,
    "other": _as_other,
    "copy": _in_copy,
}
