"""What the testkit adds to the program: the commands ``sandbox`` and ``demo``."""

from __future__ import annotations

from creatorflow.api import CliCommandDescriptor, Text, hookimpl

CREATORFLOW_API = (1, 0)


@hookimpl
def creatorflow_cli_commands() -> list[CliCommandDescriptor]:
    """Return the commands of this package."""
    return [
        CliCommandDescriptor(
            name="demo",
            version="0.1.0",
            title=Text(en="A publish from end to end in the sandbox", zh="在沙箱里完整演示一次发布"),
            summary=Text(
                en="Publishes example posts to the replicas, shows the proof, and that the same post never goes out twice.",
                zh="把示例文章发布到本地副本，展示证明，并演示同一内容不会发出两次。",
            ),
            loader="creatorflow_testkit.demo:demo",
        ),
        CliCommandDescriptor(
            name="sandbox",
            version="0.1.0",
            title=Text(en="Local replicas of the platforms", zh="平台的本地副本"),
            summary=Text(
                en="Runs replicas of the platforms on this machine, to try everything without a real account.",
                zh="在本机运行各平台的副本，不用真实账号即可完整试用。",
            ),
            loader="creatorflow_testkit.cli:sandbox",
        ),
    ]
