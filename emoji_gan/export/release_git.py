"""Reads a checkout's history by plain git, and pushes a branch with a new tag."""

import pathlib
import re
import subprocess

from emoji_gan.errors import UserError


class Repository:
    """Calls git in a checkout.

    Args:
      root: of the checkout.

    Raises:
      UserError: it is none, or git is not installed.
    """

    def __init__(self, root: pathlib.Path) -> None:
        self._root = root
        self._git("rev-parse", "--verify", "HEAD")

    def commit(self) -> str:
        """Returns the full hash of the commit that is checked out."""
        return self._git("rev-parse", "HEAD")

    def date(self) -> str:
        """Returns the day of that commit, e.g. 2026-11-29."""
        return self._git("show", "--no-patch", "--format=%cs", "HEAD")

    def changes(self) -> tuple[str, list[str]]:
        """Returns the newest tag before this commit ('' if there is none) and subjects since."""
        tags = self._git("tag", "--list", "v*", "--merged", "HEAD", "--sort=-creatordate").split()
        at_head = self._git("tag", "--points-at", "HEAD").split()
        earlier = next((tag for tag in tags if tag not in at_head), "")
        span = f"{earlier}..HEAD" if earlier else "HEAD"
        return earlier, self._git("log", "--no-merges", "--format=%s", span).splitlines()

    def check_clean(self, tag: str) -> None:
        """Checks that a tag can be made of what is checked out.

        Raises:
          UserError: there are changes that are not committed, no branch, or such a tag.
        """
        if changed := self._git("status", "--porcelain", "--untracked-files=no"):
            first = changed.splitlines()[0].split()[-1]
            raise UserError(f"{first} has changes that are not committed: commit them first")
        self._branch()
        if self._git("tag", "--list", tag):
            raise UserError(f"the tag {tag} exists: raise the version, or git tag --delete {tag}")

    def push(self, remote: str, tag: str, message: str) -> str:
        """Makes an annotated tag, and sends it with the branch: both arrive or neither.

        Returns:
          The branch.

        Raises:
          UserError: git refuses; the tag is removed again.
        """
        branch = self._branch()
        self._git("tag", "--annotate", tag, "--message", message)
        try:
            self._git("push", "--atomic", remote, f"HEAD:refs/heads/{branch}", f"refs/tags/{tag}")
        except UserError:
            self._git("tag", "--delete", tag)
            raise
        return branch

    def _branch(self) -> str:
        branch = self._git("branch", "--show-current")
        if not branch:
            raise UserError("no branch is checked out: git switch BRANCH")
        return branch

    def _git(self, *arguments: str) -> str:
        try:
            done = subprocess.run(
                ["git", "-C", str(self._root), *arguments],
                capture_output=True,
                text=True,
                check=False,
            )
        except FileNotFoundError as e:
            raise UserError("git is not installed") from e
        if done.returncode:
            raise UserError(f"git {arguments[0]}: {_reason(done.stderr)}")
        return done.stdout.strip()


def _reason(stderr: str) -> str:
    """Returns the line of git's that says why, without a name or token of an address."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    wanted = ("! [", "fatal:", "error:")
    line = next((x for mark in wanted for x in lines if x.startswith(mark)), (lines or [""])[-1])
    return re.sub(r"://[^/@\s]*@", "://", line)
