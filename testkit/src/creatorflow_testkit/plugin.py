"""What the testkit adds to the program: the command ``sandbox``."""

from __future__ import annotations

from creatorflow.api import CliCommandDescriptor, Text, hookimpl

CREATORFLOW_API = (1, 0)


@hookimpl
def creatorflow_cli_commands() -> list[CliCommandDescriptor]:
    """Return the commands of this package."""
    return [
        CliCommandDescriptor(
            name="sandbox",
            version="0.1.0",
            title=Text(en="Local replicas of the platforms", zh="平台的本地副本"),
            summary=Text(
                en="Runs replicas of the platforms on this machine, to try everything without a real account.",
                zh="在本机运行各平台的副本，不用真实账号即可完整试用。",
            ),
            loader="creatorflow_testkit.cli:sandbox",
        )
    ]
