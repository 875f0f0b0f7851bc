"""What the weibo plugin offers; nothing heavy is imported here."""

from __future__ import annotations

from creatorflow.api import Operation, PlatformDescriptor, ReadBack, ReadBackStrength, Requirements, Text, hookimpl

CREATORFLOW_API = (1, 0)

#: Hosts of the web session route. The three login hosts are only met when a lapsed session renews itself (facts §2.3).
HOSTS = (
    "weibo.com",
    "picupload.weibo.com",
    "login.sina.com.cn",
    "passport.weibo.com",
    "passport.weibo.cn",
)

#: Why weak: the own list (``mymblog``) is known to hold public and self-only posts, but no source says that it holds a post that the
#: site keeps in review, so "not listed" does not prove "not published" and a person decides. A live proof that reviewed posts are
#: listed would make this STRONG. 120 s: new posts may be missing from lists for "1-2 s up to 1-2 min" (facts §6, code 20032).
READ_BACK = ReadBack(strength=ReadBackStrength.WEAK, settle_s=120.0, min_reads=2)


@hookimpl
def creatorflow_platform_adapters() -> list[PlatformDescriptor]:
    """Return the one platform of this package."""
    return [
        PlatformDescriptor(
            name="weibo",
            version="0.1.0",
            title=Text(en="Weibo", zh="微博"),
            summary=Text(
                en="Text, long text and picture posts over the web session, with declaration, visibility and read-back of own posts.",
                zh="通过网页会话发布文字、长文字和图片微博，支持内容声明、可见范围和已发内容回读。",
            ),
            loader="creatorflow_weibo.adapter:WeiboAdapter",
            content_forms=("text", "image"),
            operations=(Operation.PUBLISH, Operation.LIST_POSTS),
            read_back=READ_BACK,
            rules="creatorflow_weibo:rules.toml",
            requirements=Requirements(hosts=HOSTS),
            sandbox="creatorflow_weibo.sandbox:WeiboReplica",
        )
    ]
