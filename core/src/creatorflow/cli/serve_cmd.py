"""``creatorflow serve``: hosts talk to this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from creatorflow.cli.program import Program

__all__ = ["serve"]


@click.command()
@click.option("--stdio", is_flag=True, help="JSON-RPC 2.0，每行一条消息。  JSON-RPC 2.0, one message per line.")
@click.pass_obj
def serve(program: Program, stdio: bool) -> int:
    """供宿主程序调用的 sidecar。  The sidecar that host applications talk to."""
    if not stdio:
        raise click.UsageError(program.say("Say how to serve: --stdio.", "请指定服务方式：--stdio。"))
    from creatorflow.rpc.pipes import take_over

    try:
        pipes = take_over()  # before anything else is imported that might print
    except OSError as error:
        raise click.UsageError(
            program.say(
                "stdin and stdout must be open: start the sidecar with pipes.",
                "stdin 与 stdout 必须打开：请通过管道启动 sidecar。",
            )
        ) from error
    import asyncio

    from creatorflow.app import App
    from creatorflow.log import configure_logging
    from creatorflow.rpc.serving import serve_stdio
    from creatorflow.rpc.stderr import log_stream

    settings = program.settings
    log_dir = settings.directories.logs if settings.log.file else None
    configure_logging(settings.log.level, content=settings.log.content, log_dir=log_dir, stream=log_stream())
    asyncio.run(serve_stdio(App(settings), pipes))
    return 0
