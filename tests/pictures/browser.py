"""A page in a real, headless Chromium: a script runs in it, and what it returns comes back."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--window-size=1600,1000",
)  # fmt: skip
_SCRIPT = """<script>
addEventListener("error", (event) => told.push(event.message));
const told = [];
const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
const key = (name, target = document.body) =>
  target.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true }));
const drawn = async (what) => {
  const before = document.body.dataset.drawn;
  await what();
  for (let n = 0; document.body.dataset.drawn === before; n++) {
    if (n > 500) throw new Error("nothing is drawn after " + what);
    await pause(10);
  }
};
const all = (selector) => [...document.querySelectorAll(selector)];
app.ready.then(async () => { %s })
  .then((result) => ({ result, told }), (error) => ({ error: String(error.stack || error), told }))
  .then((answer) => fetch("http://127.0.0.1:%d/", { method: "POST", mode: "no-cors", body: JSON.stringify(answer) }));
</script>"""


def in_browser(page: str, script: str, wait: float = 40) -> Any:
    """What the body of an async function returns that runs in the page, opened as a file, when it is ready.

    It can use `app`, key(name), all(selector), pause(milliseconds), and drawn(action), which waits for the picture.
    Raises: AssertionError for an error of the page or of the script.
    """
    assert CHROMIUM is not None
    answers: list[Any] = []
    came = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            answers.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()
            came.set()

        def log_message(self, *_: Any) -> None:
            pass

    with tempfile.TemporaryDirectory() as folder, HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        file = Path(folder, "page.html")
        file.write_text(page.replace("</body>", _SCRIPT % (script, server.server_port) + "</body>"), encoding="utf-8")
        command = [CHROMIUM, *_FLAGS, f"--user-data-dir={folder}/profile", file.as_uri()]
        browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            assert came.wait(wait), "the page does not answer"
        finally:
            browser.terminate()
            browser.wait()
            server.shutdown()
    (answer,) = answers
    assert "error" not in answer and not answer["told"], answer
    return answer["result"]
