"""Rules and the text that goes out."""

from __future__ import annotations

from typing import Any

import pytest
from creatorflow.api import (
    Content,
    ContentError,
    Declarations,
    Form,
    Operation,
    PlatformDescriptor,
    ReadBack,
    ReadBackStrength,
    Text,
    TextResult,
)
from creatorflow.publish.compose import check_text, choose_form, compose_text, for_platform, questions
from creatorflow.publish.rules import parse_rules
from creatorflow.publish.views import Severity

RULES = """
schema = 1
[text]
counter = "half_width_links"
max = 20
required = true
topic_style = "#{name}#"
mention_style = "@{name} "
render = "text/markdown"
source = "facts 4"
confidence = "S"
date = 2026-08-01
[title]
policy = "prepend"
[topics]
max = 2
[images]
max = 9
[visibility]
allowed = ["public", "private"]
[declarations]
allowed = ["ai_generated"]
[forms.text]
[forms.image.text]
max = 10
required = false
[forms.image.images]
min = 1
[forms.video.declarations]
demanded = ["ai_generated", "reprint_source"]
"""


def platform(**changes: Any) -> PlatformDescriptor:
    values: dict[str, Any] = {
        "name": "pin",
        "version": "1",
        "title": Text(en="Pin", zh="图钉"),
        "loader": "a.b:C",
        "content_forms": ("text", "image", "video"),
        "operations": (Operation.PUBLISH,),
        "read_back": ReadBack(strength=ReadBackStrength.STRONG, settle_s=1),
        "rules": "a:rules.toml",
        "fields": {"board": Text(en="board", zh="板")},
    }
    return PlatformDescriptor(**{**values, **changes})


rules = parse_rules(RULES)
PIN = platform()


def codes(content: Content, form: Form = Form.TEXT) -> list[str]:
    text, notes = compose_text(content, rules.form(form), PIN, None)
    return [item.code for item in notes + check_text(text, content, rules.form(form), PIN)]


def test_a_form_inherits_and_overrides() -> None:
    assert rules.form(Form.TEXT).text.max == 20
    image = rules.form(Form.IMAGE)
    assert (image.text.max, image.text.counter, image.images.min, image.images.max) == (10, "half_width_links", 1, 9)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("[text]\ncounter = 'klingon'\n[forms.text]", "unknown counter"),
        ("[txt]\nmax=1\n[forms.text]", "Extra inputs"),
        ("[text]\nmax = 5", "forms"),
        ("[forms.poem]", "image"),
    ],
)
def test_wrong_rules_are_refused(change: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_rules("schema = 1\n" + change)
    with pytest.raises(ValueError, match="schema"):
        parse_rules("[forms.text]")


def test_topics_and_mentions_are_written_once() -> None:
    content = Content(body="走走 #秋天# @小林", topics=("秋天", "上海"), mentions=("小林", "小"))
    text, _ = compose_text(content, rules.form(Form.TEXT), PIN, None)
    assert text == "走走 #秋天# @小林\n#上海#\n@小"


def test_title_goes_above_the_text_where_the_platform_has_none() -> None:
    text, _ = compose_text(Content(title="题", body="文"), rules.form(Form.TEXT), PIN, None)
    assert text == "【题】\n文"


def test_rendering_is_used_and_its_absence_is_told() -> None:
    def render(source: str, options: Any) -> TextResult:
        assert options == {}
        return TextResult(text=source.replace("**", ""), warnings=[Text(en="w", zh="w")])

    text, notes = compose_text(Content(body="**重**"), rules.form(Form.TEXT), PIN, render)
    assert (text, [item.code for item in notes]) == ("重", ["rendering"])
    assert "no_renderer" in codes(Content(body="**重**"))
    assert "no_renderer" not in codes(Content(body="平常的话"))


def test_limits_are_exact() -> None:
    assert codes(Content(body="字" * 20)) == []
    assert codes(Content(body="字" * 21)) == ["text_too_long"]
    assert codes(Content(body="ab" * 20)) == []
    assert codes(Content(body="ab" * 20 + "a")) == ["text_too_long"]
    assert codes(Content(body="https://example.com/" + "x" * 200)) == [], "a link counts as the short link it becomes"
    assert codes(Content(body=" ")) == ["text_missing"]
    assert codes(Content(body="a", topics=("a", "b", "c"))) == ["topics_over_limit"]
    assert codes(Content(body="a", visibility="friends")) == ["visibility_not_offered"]


def test_nothing_is_dropped_silently() -> None:
    assert codes(Content(body="a", location="上海", collection="散步", cover="c.jpg")) == ["left_out"] * 3


@pytest.mark.parametrize(
    ("content", "form"),
    [
        (Content(body="x"), Form.TEXT),
        (Content(images=("a",)), Form.IMAGE),
        (Content(images=("a",), video="v"), Form.VIDEO),
        (Content(images=("a",), form=Form.TEXT), Form.TEXT),
    ],
)
def test_the_form_follows_the_content(content: Content, form: Form) -> None:
    assert choose_form(content, PIN) == (form, None)


def test_a_form_that_is_not_offered_blocks() -> None:
    only_video = platform(content_forms=("video",))
    assert choose_form(Content(body="x"), only_video) == (Form.VIDEO, None), "one form: that one"
    form, finding = choose_form(Content(body="x", form=Form.ARTICLE), PIN)
    assert finding is not None
    assert finding.severity is Severity.BLOCKING
    assert form is Form.TEXT


def test_platform_overrides_and_own_fields() -> None:
    content = Content(body="a", topics=("x",), platforms={"pin": {"body": "b", "topics": ["y"], "board": 3, "bord": 4}})
    merged, fields, findings = for_platform(content, PIN)
    assert (merged.body, merged.topics, fields) == ("b", ("y",), {"board": 3, "bord": 4})
    assert [item.code for item in findings] == ["unknown_field"]
    assert "board" in findings[0].message.en
    with pytest.raises(ContentError, match="platforms: pin: visibility"):
        for_platform(Content(platforms={"pin": {"visibility": "all"}}), PIN)


def test_declarations_override_one_by_one() -> None:
    content = Content(
        declarations=Declarations(ai_generated=True), platforms={"pin": {"declarations": {"original": True}}}
    )
    merged, _, _ = for_platform(content, PIN)
    assert merged.declarations == Declarations(ai_generated=True, original=True)


def test_demanded_declarations_are_asked_and_never_assumed() -> None:
    asked = questions(Declarations(), rules.form(Form.VIDEO), PIN)
    assert [(item.severity, item.field, item.choices) for item in asked] == [
        (Severity.QUESTION, "declarations.ai_generated", ("true", "false")),
        (Severity.QUESTION, "declarations.reprint_source", ()),
    ]
    assert questions(Declarations(), rules.form(Form.TEXT), PIN) == []
    lost = questions(Declarations(original=True), rules.form(Form.TEXT), PIN)
    assert [item.code for item in lost] == ["declaration_not_offered"]
    assert questions(Declarations(original=False, ai_generated=True), rules.form(Form.TEXT), PIN) == []
