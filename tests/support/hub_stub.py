"""A Hugging Face Hub on the loopback: as much of its HTTP API as `huggingface_hub` uses here."""

import base64
import collections
import hashlib
import http.server
import json
import re
import threading

from emoji_gan.trained import hub_source

WRITE, READ = "hf_may_write_and_is_secret", "hf_may_only_read_and_is_secret"
LFS_FROM = 5_000  # bytes from which it stores a file by git LFS


class Hub:
    """Repositories in memory: commits, each a dict of files.

    Attributes:
      url: of the server.
      repositories: (kind, OWNER/NAME) -> [(commit, files)], oldest first.
      requests: 'METHOD path' of each, in their order.
      fails: a status that every request gets; None: as usual.
    """

    def __init__(self):
        self.repositories = collections.defaultdict(list)
        self.objects = {}
        self.requests = []
        self.fails = None
        handler = type("Handler", (_Handler,), {"hub": self})
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def add(self, repository, files, kind="model"):
        """Adds a commit; returns its hash."""
        commits = self.repositories[kind, repository]
        whole = {**(commits[-1][1] if commits else {}), **files}
        state = repr((len(commits), sorted(whole.items())))
        commits.append((hashlib.sha1(state.encode()).hexdigest(), whole))
        return commits[-1][0]


def started(monkeypatch, folder):
    """Returns a Hub that `huggingface_hub` speaks to in this process, with its cache in a folder.

    It is empty, and nobody is logged in.
    """
    hub_source.client()  # sets what the package reads at its first import
    from huggingface_hub import constants

    hub = Hub()
    monkeypatch.delenv("HF_TOKEN", raising=False)
    template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder / "cache"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(folder / "token"))
    return hub


class _Handler(http.server.BaseHTTPRequestHandler):
    hub: Hub

    def log_message(self, *args):
        pass

    def do_HEAD(self):
        self._answer()

    def do_GET(self):
        self._answer()

    def do_POST(self):
        self._answer()

    def do_PUT(self):
        self._answer()

    def _answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length)
        path = self.path.partition("?")[0]
        self.hub.requests.append(f"{self.command} {path}")
        if self.hub.fails:
            return self._error(self.hub.fails, "", "")
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in ("", WRITE, READ):
            return self._error(401, "", "Invalid user token.")
        for method, pattern, answer in _ROUTES:
            if method == self.command.replace("HEAD", "GET") and (m := re.fullmatch(pattern, path)):
                if method == "POST" and "validate-yaml" not in path and token != WRITE:
                    return self._error(403, "", "You do not have the rights")
                return answer(self, *m.groups())
        return self._error(404, "RepoNotFound", "Repository not found")

    def _send(self, status, data=b"", headers=()):
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _json(self, content):
        self._send(200, json.dumps(content).encode(), {"Content-Type": "application/json"})

    def _error(self, status, code, message):
        self._send(status, headers={"X-Error-Code": code, "X-Error-Message": message})

    def _commit_at(self, kind, repository, revision):
        """Returns (commit, files), or answers with an error and returns None."""
        commits = self.hub.repositories.get((kind, repository))
        if not commits:
            return self._error(404, "RepoNotFound", "Repository not found")
        for commit, files in reversed(commits):
            if revision in (None, "main", commit):
                return commit, files
        return self._error(404, "RevisionNotFound", "Invalid rev id")

    def info(self, kind, repository, revision=None):
        if at := self._commit_at(kind, repository, revision):
            siblings = [{"rfilename": name} for name in at[1]]
            self._json({"id": repository, "sha": at[0], "siblings": siblings})

    def create(self):
        wanted = json.loads(self.body)
        repository = f"{wanted['organization']}/{wanted['name']}"
        is_there = ("model", repository) in self.hub.repositories
        if not is_there:
            self.hub.add(repository, {".gitattributes": b""})
        content = json.dumps({"url": f"{self.hub.url}/{repository}"}).encode()
        self._send(409 if is_there else 200, content)

    def validate(self):
        is_card = json.loads(self.body)["content"].startswith("---\n")
        self._json({"errors": [] if is_card else [{"message": "no card"}], "warnings": []})

    def preupload(self, repository):
        files = [
            {
                "path": f["path"],
                "uploadMode": "lfs" if f["size"] >= LFS_FROM else "regular",
                "shouldIgnore": f["path"] in self._ignored(repository),
            }
            for f in json.loads(self.body)["files"]
        ]
        self._json({"files": files})

    def _ignored(self, repository):
        files = self.hub.repositories["model", repository][-1][1]
        return files.get(".gitignore", b"").decode().split()

    def batch(self, repository):
        objects = [
            {
                "oid": x["oid"],
                "size": x["size"],
                "actions": {"upload": {"href": f"{self.hub.url}/lfs/{x['oid']}"}},
            }
            for x in json.loads(self.body)["objects"]
        ]
        self._json({"transfer": "basic", "objects": objects})

    def store(self, oid):
        is_whole = hashlib.sha256(self.body).hexdigest() == oid
        self.hub.objects[oid] = self.body
        self._send(200 if is_whole else 400)

    def commit(self, repository):
        files = {}
        for line in map(json.loads, self.body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.hub.objects[value["oid"]]
        commit = self.hub.add(repository, files)
        url = f"{self.hub.url}/{repository}/commit/{commit}"
        self._json({"success": True, "commitOid": commit, "commitUrl": url})

    def resolve(self, repository, revision, name):
        if not (at := self._commit_at("model", repository, revision)):
            return
        if name not in at[1]:
            return self._error(404, "EntryNotFound", "Entry not found")
        etag = hashlib.sha256(at[1][name]).hexdigest()
        self._send(200, at[1][name], {"ETag": f'"{etag}"', "X-Repo-Commit": at[0]})


_ID = r"([\w.-]+/[\w.-]+)"
_ROUTES = [
    ("POST", "/api/repos/create", _Handler.create),
    ("POST", "/api/validate-yaml", _Handler.validate),
    ("POST", rf"/api/models/{_ID}/preupload/main", _Handler.preupload),
    ("POST", rf"/{_ID}\.git/info/lfs/objects/batch", _Handler.batch),
    ("PUT", r"/lfs/(\w+)", _Handler.store),
    ("POST", rf"/api/models/{_ID}/commit/main", _Handler.commit),
    ("GET", rf"/api/(model|dataset|space)s/{_ID}(?:/revision/(.+))?", _Handler.info),
    ("GET", rf"/{_ID}/resolve/([^/]+)/(.+)", _Handler.resolve),
]
