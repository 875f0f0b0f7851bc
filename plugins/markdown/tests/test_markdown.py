"""Markdown to platform text: what an author wrote comes out, markup does not."""

from __future__ import annotations

import json
import re
import string
from importlib.resources import files
from typing import Any

import pytest
from creatorflow.api import ProcessorKind, TextProcessor
from creatorflow_markdown.plugin import creatorflow_content_processors
from creatorflow_markdown.render import MarkdownText, Options
from hypothesis import given, settings
from hypothesis import strategies as st

PROCESSOR = MarkdownText()


def render(source: str, **options: Any) -> str:
    return PROCESSOR.render(source, options).text


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("# 标题\n正文", "标题\n正文"),
        ("## 标题 ##\n\n正文", "标题\n\n正文"),
        ("标题\n===\n正文", "标题\n正文"),
        ("#秋日# 去公园", "#秋日# 去公园"),
        ("#_话_题_# 和 @_小_明_ 说 **好**", "#_话_题_# 和 @_小_明_ 说 好"),
        ("_@小明_ 说", "@小明 说"),
        ("C# 和 F# 都*好*", "C# 和 F# 都好"),
        ("**注意：**后文，**“引号”**也行", "注意：后文，“引号”也行"),
        ("a_b_c 与 my_var_name", "a_b_c 与 my_var_name"),
        ("尺寸 10*20*30cm", "尺寸 10*20*30cm"),
        (">_<\n>_< 哭 *^_^* (*￣▽￣*)", ">_<\n>_< 哭 *^_^* (*￣▽￣*)"),
        ("好的~~谢谢~~", "好的~~谢谢~~"),
        ("~~~哈哈\n真好", "~~~哈哈\n真好"),
        ("一\n二  \n三\\\n四", "一\n二\n三\n四"),
        ("一\r\n\r\n二", "一\n\n二"),
        ("一\n\n\n\n二", "一\n\n二"),
        ("一\n\n---\n二", "一\n\n二"),
        ("　　缩进\n　　再缩进", "　　缩进\n　　再缩进"),
        ("\\*不是强调\\* \\# 号", "*不是强调* # 号"),
        ("A&amp;B &lt;b&gt; &#20013;", "A&B <b> 中"),
        ("<b>粗</b> <!-- 注 -->\n\n<div>块</div>", "<b>粗</b> <!-- 注 -->\n\n<div>块</div>"),
        ("很好👍🏽👨‍👩‍👧", "很好👍🏽👨‍👩‍👧"),
        ("`a*b*` 与\n\n```python\nx = 1\n\n  y\n```\n完", "a*b* 与\n\nx = 1\n\n  y\n完"),
    ],
)
def test_text(source: str, wanted: str) -> None:
    assert render(source) == wanted


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("见[官网](https://a.cn/x)。", "见官网 https://a.cn/x。"),
        ("见[官网](https://a.cn/x)里面", "见官网 https://a.cn/x 里面"),
        ("**[官网](https://a.cn)**后", "官网 https://a.cn 后"),
        ("**[官网](https://a.cn)** abc", "官网 https://a.cn abc"),
        ("<https://a.cn/x_y_z>，好", "https://a.cn/x_y_z，好"),
        ("[https://a.cn](https://a.cn)", "https://a.cn"),
        ("<me@a.cn>", "me@a.cn"),
        ("[](https://a.cn)", "https://a.cn"),
        ("[路](https://a.cn/路)", "路 https://a.cn/%E8%B7%AF"),
        ("https://a.cn/_x_*y*?q=1&copy=2 完", "https://a.cn/_x_*y*?q=1&copy=2 完"),
        ("**https://a.cn/c** (https://a.cn/d)", "https://a.cn/c (https://a.cn/d)"),
        ("[官网][w] 好\n\n[w]: https://a.cn", "官网 https://a.cn 好"),
        ("[来源]: https://a.cn/s", "[来源]: https://a.cn/s"),
        ("[注]: 说明", "[注]: 说明"),
        ("[x](javascript:alert(1))", "[x](javascript:alert(1))"),
    ],
)
def test_links_keep_their_address(source: str, wanted: str) -> None:
    assert render(source) == wanted


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("清单：\n- 甲\n- 乙", "清单：\n· 甲\n· 乙"),
        ("- 甲\n\n- 乙", "· 甲\n\n· 乙"),
        ("- 甲\n  - 乙\n    - 丙\n- 丁", "· 甲\n　· 乙\n　　· 丙\n· 丁"),
        ("1. 甲\n1. 乙\n1. 丙", "1. 甲\n2. 乙\n3. 丙"),
        ("1. 甲\n3. 乙", "1. 甲\n3. 乙"),
        ("3) 甲\n4) 乙", "3) 甲\n4) 乙"),
        ("2026. 年", "2026. 年"),
        ("- 甲\n  续", "· 甲\n续"),
        ("1. 甲\n\n   第二段\n2. 乙", "1. 甲\n\n第二段\n\n2. 乙"),
        ("> 一\n> 二\n\n后", "「一\n二」\n\n后"),
        (">", ""),
        ("", ""),
    ],
)
def test_lists_and_quotes(source: str, wanted: str) -> None:
    assert render(source) == wanted


def test_options() -> None:
    assert render("# 题\n> 一\n>\n> 二\n\n- 甲", heading_style="brackets", quote_style="arrow", bullet="•") == (
        "【题】\n> 一\n>\n> 二\n\n• 甲"
    )


def test_the_schema_names_the_options_of_the_code() -> None:
    schema = json.loads(files("creatorflow_markdown").joinpath("options.schema.json").read_text("utf-8"))
    defaults = {name: rule["default"] for name, rule in schema["properties"].items()}
    assert Options(**defaults) == Options()
    assert set(defaults) == set(Options.__slots__)


def test_pictures_and_tables_are_named_in_warnings() -> None:
    result = PROCESSOR.render("前\n\n![晚霞](img/sky.jpg)\n\n| 甲 | 乙 |\n|---|---|\n| 1 | **2** |\n\n后", {})
    assert result.text == "前\n\n甲 | 乙\n1 | 2\n\n后"
    picture, table = result.warnings
    assert "img/sky.jpg" in picture.en
    assert "晚霞" in picture.zh
    assert "images:" in picture.zh
    assert "table" in table.en


def test_descriptor() -> None:
    (descriptor,) = creatorflow_content_processors()
    assert descriptor.processor_kind is ProcessorKind.TEXT
    assert issubclass(MarkdownText, TextProcessor)
    assert descriptor.loader == f"{MarkdownText.__module__}:{MarkdownText.__name__}"


# --- properties -------------------------------------------------------------------------------------------------------------------

PLAIN_CHARS = st.one_of(
    st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5),
    st.sampled_from("，。！？；：、“”‘’（）《》…—～·　abcXYZ0123456789😀🌙#@_"),
)
PLAIN_LINE = st.text(PLAIN_CHARS, min_size=1, max_size=24).filter(
    # what CommonMark itself reads as markup: an underscore next to something that is no letter
    lambda line: line == line.strip("\u3000 ") and not re.search(r"(?:^|[^\w])_|_(?:$|[^\w])", line)
)
PLAIN_TEXT = st.lists(st.lists(PLAIN_LINE, min_size=1, max_size=3).map("\n".join), min_size=1, max_size=4).map(
    "\n\n".join
)
WORD = st.text(string.ascii_letters + "中文字词", min_size=1, max_size=5)


@given(PLAIN_TEXT)
@settings(max_examples=200, deadline=None)
def test_plain_text_is_left_alone(text: str) -> None:
    assert render(text) == text


MARKUP = st.sampled_from(
    ["{}", "**{}**", "*{}*", "`{}`", "# {}", "> {}", "- {}", "1. {}", "  - {}", "[{}](https://a.cn/p)", "<{}>", "~~{}~~", "| {} |",
     "@{}", "#{}#", "***", "```", "~~~{}", "[{}]:", "    {}", "![{}", "&{};x", "\\{}", "{}\n==="]
)  # fmt: skip


@given(st.lists(st.tuples(MARKUP, WORD, st.sampled_from(["\n", "\n\n", " "])), min_size=1, max_size=8))
@settings(max_examples=300, deadline=None)
def test_no_word_and_no_address_is_lost(parts: list[tuple[str, str, str]]) -> None:
    words = [f"{word}{index}字" for index, (_, word, _) in enumerate(parts)]
    source = "".join(markup.format(word) + end for (markup, _, end), word in zip(parts, words, strict=True))
    out = render(source)
    for (markup, _, _), word in zip(parts, words, strict=True):
        if "{}" in markup and not re.search(rf"```\s*{word}", source):  # the language behind a fence is not content
            assert word in out
    assert out.count("https://a.cn/p") >= min(1, source.count("](https://a.cn/p)"))


@given(st.text(max_size=80))
@settings(max_examples=200, deadline=None)
def test_any_text_renders(text: str) -> None:
    assert isinstance(render(text), str)
