"""A PostgreSQL server of the test's own, made from the distribution's packages: it can be stopped and started."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

PACKAGES = Path("/usr/lib/postgresql")  # Debian's and Ubuntu's place
NOBODY = 65534  # the server refuses to run as root


def programs() -> Path | None:
    """Return the folder of the newest server's programs, None where there is none."""
    found = sorted(PACKAGES.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


class PostgresqlServer:
    """A server that listens on a socket in a folder of its own and nowhere else. To be closed."""

    def __init__(self):
        # Not pytest's folder: the server's user may not look into it, and the path of a socket must be short.
        self._folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
        self._user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if os.getuid() == 0 else []
        if self._user:
            os.chown(self._folder, NOBODY, NOBODY)
        self._run("initdb", "--auth=trust", "--username=course", "--no-sync", "--no-locale", "--encoding=UTF8")
        self.start()
        self._run("createdb", f"--host={self._folder}", "--username=course", "gradebook", data=False)

    @property
    def db_url(self) -> str:
        """The address of the gradebook."""
        return f"postgresql+psycopg2://course@/gradebook?host={self._folder}"

    def start(self) -> None:
        """Start the server and wait until it answers."""
        settings = f"-k {self._folder} -c listen_addresses='' -c fsync=off"
        self._run("pg_ctl", "start", "--wait", f"--log={self._folder}/log", f"--options={settings}")

    def stop(self) -> None:
        """Stop the server as a crash does: nobody is asked, no transaction is ended in order."""
        self._run("pg_ctl", "stop", "--wait", "--mode=immediate")

    def close(self) -> None:
        """Stop the server and remove all that was its own."""
        if (self._folder / "data" / "postmaster.pid").exists():
            self.stop()
        shutil.rmtree(self._folder)

    def _run(self, program: str, *arguments: str, data: bool = True) -> None:
        where = [f"--pgdata={self._folder / 'data'}"] if data else []
        command = [*self._user, str(programs() / program), *arguments, *where]
        subprocess.run(command, cwd=self._folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
