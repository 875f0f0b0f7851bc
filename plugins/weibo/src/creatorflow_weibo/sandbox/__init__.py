"""The Weibo replica, written from the project's facts about Weibo and from nothing else.

``creatorflow_weibo.sandbox:WeiboReplica`` needs the extra ``[sandbox]``; the adapter never imports this package.
"""

from creatorflow_weibo.sandbox.replica import WeiboReplica

__all__ = ["WeiboReplica"]
