"""The HTML that people see: front page, sign-in, a post."""

from __future__ import annotations

import html
from collections.abc import Sequence

__all__ = ["home_page", "login_page", "notice_page", "post_page"]

_STYLE = """
:root{color-scheme:light}*{box-sizing:border-box}
body{margin:0;background:#f5f5f7;color:#222;font:16px/1.7 "PingFang SC","Noto Sans CJK SC","Microsoft YaHei",sans-serif}
header{background:#fff;border-bottom:2px solid #ff8200;padding:10px 24px;color:#ff8200;font-weight:700;letter-spacing:.05em}
header small{color:#999;font-weight:400;margin-left:12px}
main{max-width:640px;margin:28px auto;background:#fff;border-radius:10px;padding:22px 26px;box-shadow:0 1px 6px #0001}
.who{display:flex;gap:12px;align-items:center}.woo-avatar{width:46px;height:46px;border-radius:50%;background:#ffd9a8;
display:grid;place-items:center;font-weight:700;color:#c55a00}.who time{color:#939393;font-size:13px;display:block}
.text{margin:14px 0;word-break:break-word}.text a{color:#eb7350;text-decoration:none}
.pictures{display:grid;grid-template-columns:repeat(3,1fr);gap:6px}.pictures.one{grid-template-columns:1fr}
.pictures img{width:100%;aspect-ratio:1;object-fit:cover;border-radius:6px;background:#eee}.pictures.one img{aspect-ratio:auto}
footer{margin-top:16px;padding-top:10px;border-top:1px solid #f0f0f0;color:#939393;font-size:13px}
textarea{width:100%;min-height:90px;border:1px solid #ddd;border-radius:8px;padding:10px;font:inherit}
"""


def _page(title: str, body: str, head: str = "") -> str:
    return (
        '<!DOCTYPE html><html lang="zh-CN"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{html.escape(title)}</title>{head}<style>{_STYLE}</style></head><body>"
        f"<header>微博 <small>CreatorFlow 本地沙箱</small></header><main>{body}</main></body></html>"
    )


def home_page(name: str) -> str:
    """The front page; ``name`` of the account, empty for a stranger."""
    if not name:
        return _page("微博", '<p>发现新鲜事</p><a href="/login.php">登录</a>')
    mark = f'<div class="who"><div class="woo-avatar">{html.escape(name[:1])}</div><b>{html.escape(name)}</b></div>'
    return _page("我的首页 微博", mark)


def login_page() -> str:
    """The sign-in page."""
    return _page("登录 - 微博", '<h2>扫描二维码登录</h2><div class="qrcode"></div><p>请使用微博 App 扫码。</p>')


def notice_page(text: str) -> str:
    """A page that says why there is nothing to see."""
    return _page("微博", f'<p class="notice">{html.escape(text)}</p>')


def post_page(
    *, name: str, when: str, text: str, plain: str, pictures: Sequence[str], link: str, data: str = ""
) -> str:
    """A post as a visitor sees it.

    Args:
        name: of the author.
        when: the time as shown.
        text: HTML, already escaped.
        plain: text for the title and the description.
        pictures: addresses in order.
        link: canonical address.
        data: script with the post's data, for the mobile page.
    """
    shape = "pictures one" if len(pictures) == 1 else "pictures"
    images = "".join(f'<img src="{html.escape(url)}" alt="图片 {place}">' for place, url in enumerate(pictures, 1))
    head = (
        f'<meta name="description" content="{html.escape(plain[:120])}"><link rel="canonical" href="{html.escape(link)}">'
        # The picture hosts want a weibo Referer; the browser's default policy would send the origin only, which is enough.
        '<meta name="referrer" content="strict-origin-when-cross-origin">'
    )
    body = (
        f'<article><div class="who"><div class="woo-avatar">{html.escape(name[:1])}</div>'
        f'<div><b class="name">{html.escape(name)}</b><time>{html.escape(when)}</time></div></div>'
        f'<div class="text detail_wbtext">{text}</div>'
        + (f'<div class="{shape}">{images}</div>' if pictures else "")
        + f"<footer>转发 · 评论 · 赞</footer></article>{data}"
    )
    return _page(f"{name}的微博：{plain[:30]}", body, head)
