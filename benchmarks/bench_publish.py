"""A publish through the engine against a hand-written httpx script that does the same steps, the replica answering after 150 ms.

``python benchmarks/bench_publish.py [--runs N]`` prints JSON: medians in seconds, the ratio engine/script (aim: at most 1.15), and the
absolute overhead in milliseconds.

Both sides run in one process, turn and turn about, each with fresh connections, on accounts that
have older posts as every real one does.
The script sends the picture as it is; the engine also decodes and checks it in a child process.
Steps of both: session check (3 requests, two of them at once), [picture upload], baseline list, submit, read-back.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import ssl
import statistics
import sys
import tempfile
import time
import zlib
from pathlib import Path
from typing import Any

import httpx
from creatorflow.app import App
from creatorflow.config import load_settings
from creatorflow_testkit.sandbox import SandboxProcess
from PIL import Image

LATENCY_MS = 150.0
REPLICA = "creatorflow_weibo.sandbox:WeiboReplica"
HEADERS = {"Referer": "https://weibo.com/", "Origin": "https://weibo.com", "X-Requested-With": "XMLHttpRequest"}


class Script:
    """What somebody writes by hand who needs no ledger, no vault, no locks and no plan."""

    def __init__(self, port: int, ca_file: Path, uid: str, cookies: list[dict[str, Any]]) -> None:
        self._port, self._uid = port, uid
        self._tls = ssl.create_default_context(cafile=str(ca_file))
        own = {item["name"]: item["value"] for item in cookies if item["domain"].lstrip(".") == "weibo.com"}
        self._cookie = "; ".join(f"{name}={value}" for name, value in own.items())
        self._token = own["XSRF-TOKEN"]

    async def publish(self, text: str, picture: Path | None) -> str:
        """Publish and return the post's id after finding it in the list."""
        headers = {**HEADERS, "x-xsrf-token": self._token, "Cookie": self._cookie}
        async with httpx.AsyncClient(verify=self._tls, headers=headers, trust_env=False, timeout=30) as client:
            assert (await self._get(client, "/ajax/config/get_config"))["ok"] == 1
            await asyncio.gather(
                self._get(client, f"/ajax/profile/info?uid={self._uid}"), self._get(client, "/ajax/getSpaConfig")
            )
            form = {"content": text, "visible": "0", "share_id": "", "vote": "", "media": "", "approval_state": "0"}
            if picture is not None:
                form["pic_id"] = json.dumps([{"type": "image/jpeg", "pid": await self._upload(client, picture)}])
            await self._get(client, f"/ajax/statuses/mymblog?uid={self._uid}&page=1&feature=0")
            answer = await self._send(client, "POST", "weibo.com", "/ajax/statuses/update", data=form)
            assert answer["ok"] == 1, answer
            posted = str(answer["data"]["idstr"])
            listed = await self._get(client, f"/ajax/statuses/mymblog?uid={self._uid}&page=1&feature=0")
            assert posted in [str(item["idstr"]) for item in listed["data"]["list"]]
            return posted

    async def _upload(self, client: httpx.AsyncClient, picture: Path) -> str:
        raw = picture.read_bytes()  # noqa: ASYNC240  a script's habit
        query = (
            f"file_source=1&cs={zlib.crc32(raw)}&ent=miniblog&appid=339644097&uid={self._uid}&ori=1"
            f"&request_id={int(time.time() * 1000)}&file_size={len(raw)}"
        )
        answer = await self._send(client, "POST", "picupload.weibo.com", f"/interface/upload.php?{query}", content=raw)
        assert answer["ret"] is True, answer
        return str(answer["pic"]["pid"])

    async def _get(self, client: httpx.AsyncClient, path: str) -> Any:
        return await self._send(client, "GET", "weibo.com", path)

    async def _send(self, client: httpx.AsyncClient, method: str, host: str, path: str, **body: Any) -> Any:
        url = f"https://127.0.0.1:{self._port}{path}"
        response = await client.request(method, url, headers={"Host": host}, extensions={"sni_hostname": host}, **body)
        response.raise_for_status()
        return response.json()


async def _older_posts(control: Any, script: Script) -> None:
    """Give the account posts older than any baseline looks back, so that one page of the list is enough for both sides."""
    control.advance_clock(-72 * 3600)
    for number in range(20):
        await script.publish(f"以前的内容 {number}", None)
    control.advance_clock(72 * 3600)


async def measure(directory: Path, runs: int) -> dict[str, Any]:
    """Run both sides and sum up."""
    picture = directory / "picture.jpg"
    Image.effect_noise((640, 480), 40).convert("RGB").save(picture, quality=80)
    home = directory / "home"
    home.mkdir()
    report: dict[str, Any] = {"latency_ms": LATENCY_MS, "runs": runs}
    with SandboxProcess(directory / "sandbox", [REPLICA]) as sandbox:
        (home / "config.toml").write_text(sandbox.config_fragment(), "utf-8")
        environment = {**os.environ, "CREATORFLOW_VAULT_PASSPHRASE": "benchmark passphrase"}
        async with App(load_settings(home, environment)) as app:
            for kind, path in (("text", None), ("picture", picture)):
                sandbox.control.set_latency(0)
                # An account for each side and kind: at most one page of new posts, as in an ordinary day.
                theirs, ours = (sandbox.control.make_account(platform="weibo") for _ in range(2))
                sides = [Script(sandbox.port, sandbox.ca_file, side.uid, side.cookies) for side in (theirs, ours)]
                for side in sides:
                    await _older_posts(sandbox.control, side)
                await app.accounts.add("weibo", kind, cookies=ours.cookies)
                sandbox.control.set_latency(LATENCY_MS)
                engine_s, script_s = [], []
                for run in range(-1, runs):  # the first round warms up both
                    started = time.perf_counter()
                    await sides[0].publish(f"脚本 {kind} {run}", path)
                    middle = time.perf_counter()
                    content = {"text": f"引擎 {kind} {run}", **({"images": [path.name]} if path else {})}
                    job = (await app.publisher.publish(content, [f"weibo:{kind}"], base_dir=directory))[0]
                    ended = time.perf_counter()
                    assert (job.state, job.proof) == ("confirmed", "listed"), job
                    if run >= 0:
                        script_s.append(middle - started)
                        engine_s.append(ended - middle)
                report[kind] = _summary(engine_s, script_s)
    return report


def _summary(engine_s: list[float], script_s: list[float]) -> dict[str, float]:
    ratios = [engine / script for engine, script in zip(engine_s, script_s, strict=True)]
    overhead = [(engine - script) * 1000 for engine, script in zip(engine_s, script_s, strict=True)]
    return {
        "engine_s": round(statistics.median(engine_s), 3),
        "script_s": round(statistics.median(script_s), 3),
        "ratio": round(statistics.median(ratios), 3),
        "overhead_ms": round(statistics.median(overhead), 1),
        "ratio_max": round(max(ratios), 3),
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="creatorflow-bench-") as directory:
        report = asyncio.run(measure(Path(directory), options.runs))
    print(json.dumps(report, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
