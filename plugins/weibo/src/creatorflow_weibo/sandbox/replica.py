"""The replica put together from its parts."""

from __future__ import annotations

from creatorflow_weibo.sandbox.elements import ELEMENTS
from creatorflow_weibo.sandbox.pages import PagesPart
from creatorflow_weibo.sandbox.pictures import PicturesPart
from creatorflow_weibo.sandbox.qr import QrPart
from creatorflow_weibo.sandbox.reading import ReadingPart
from creatorflow_weibo.sandbox.schedule import SchedulePart
from creatorflow_weibo.sandbox.session import SessionPart

__all__ = ["WeiboReplica"]


class WeiboReplica(SessionPart, QrPart, PicturesPart, ReadingPart, SchedulePart, PagesPart):
    """Weibo's cookie route: login, pictures, posts, lists, timer, pages."""

    elements = ELEMENTS
