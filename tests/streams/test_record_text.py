"""How the text of a record is made: keys, templates, messages; what seals say of it, and what is wrong where."""

from typing import Any

import pytest

from gotd.errors import UsageError
from gotd.streams.record_text import RecordText, is_spec, unescaped

FIELDS: dict[str, Any] = {"title": "T", "n": 7, "x": 1.5, "yes": True, "none": None, "tags": ["a"], "a.b": "whole",
                          "data": {"body": "B", "deep": {"n": 2}}}
CHAT = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "Because.\n"}]


@pytest.mark.parametrize(("template", "text"), [
    ("{title}: {data.body}", "T: B"), ("{data.deep.n}|{n}|{x}|{yes}", "2|7|1.5|true"), ("{a.b}", "whole"),
    ("{{{title}}} {{}}", "{T} {}"), ("[{none?}{missing?}{data.no?}{title?}]", "[T]"), ("a\n{title}", "a\nT"),
])
def test_a_template_is_filled(template: str, text: str) -> None:
    assert RecordText(template=template).of(FIELDS) == text


@pytest.mark.parametrize(("text", "said"), [
    (RecordText("body"), 'no "body" field, but "title", "n", '), (RecordText("none"), 'no "none" field, it is null'),
    (RecordText("data.text"), 'no "data.text" field, but "data.body", "data.deep"'),
    (RecordText("n"), '"n" is a JSON number, not a string'), (RecordText("tags"), '"tags" is a JSON array, not a s'),
    (RecordText(template="{title}{data.deep.m}"), 'no "data.deep.m" field, but "data.deep.n"'),
    (RecordText(template="{none}"), 'no "none" field, it is null'),
    (RecordText(template="{data}"), '"data" is a JSON object, not a string'),
])
def test_what_cannot_be_filled_is_named(text: RecordText, said: str) -> None:
    with pytest.raises(ValueError) as fault:
        text.of(FIELDS)
    assert said in str(fault.value)
    assert text.find(FIELDS) is None


@pytest.mark.parametrize("template", ["{title", "title}", "{}", "{?}", "none", "{a{b}}", ""])
def test_what_is_no_template_is_refused(template: str) -> None:
    with pytest.raises(UsageError, match="template"):
        RecordText(template=template)
    with pytest.raises(UsageError, match="template"):
        RecordText(message_template=template)


def test_messages_become_text() -> None:
    assert RecordText("m").of({"m": CHAT}) == "user: Why?\n\nassistant: Because."
    shared = [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": "Because.\n"}]
    assert RecordText("m").of({"m": shared}) == RecordText("m").of({"m": CHAT})
    assert RecordText("m").of({"m": [{"from": "tool", "value": "x"}]}) == "tool: x"
    assert RecordText(template="{q}\n{m}", key="m").of({"q": "Q", "m": CHAT}).startswith("Q\nuser: Why?")
    by = RecordText("m", message_template="<{role}>{content}</{name?}>")
    assert by.of({"m": [{**CHAT[0], "name": "N"}, CHAT[1]]}) == "<user>Why?</N><assistant>Because.\n</>"
    assert RecordText("m").of({"m": [{"role": "user"}]}) == "user:"
    parts = [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
             {"role": "assistant", "content": None, "tool_calls": []}, {"role": "tool", "content": ""}]
    assert RecordText("m", message_template="{role}={content};").of({"m": parts}) == "user=ab;assistant=;tool=;"


@pytest.mark.parametrize("messages", [
    [{"role": "user"}, {"text": "x"}], [{"role": "user", "content": [{"type": "image_url"}]}], [{"content": "x"}],
    [{"role": "user", "content": 7}], [{"role": None, "content": "x"}], [CHAT[0], "x"], [[]], [],
])
def test_what_is_no_message_is_an_error(messages: list[Any]) -> None:
    with pytest.raises(ValueError, match='"m"'):
        RecordText("m").of({"m": messages})


@pytest.mark.parametrize("text", [
    RecordText(), RecordText("data.text"), RecordText("{odd}"), RecordText(template="{a}\n{b?}"),
    RecordText("messages", message_template="{role}{content}"),
    RecordText(template="{m}", message_template="{content}")])
def test_a_seal_leads_back_to_it(text: RecordText) -> None:
    assert RecordText.of_spec(text.spec) == text
    assert is_spec(text.spec)


def test_specs_of_keys_are_the_keys_and_others_differ() -> None:
    assert RecordText("body").spec == "body"
    specs = {RecordText(**options).spec for options in (
        {}, {"key": "a"}, {"template": "{a}"}, {"template": "{a?}"}, {"key": "a", "message_template": "{content}"},
        {"template": "{a}", "message_template": "{content}"})}
    assert len(specs) == 6
    assert not any(map(is_spec, ('{"template":7}', '{"template":"none"}', "{", "{}x", '{"other":"x"}', 7, None)))


def test_half_a_surrogate_pair_is_no_text() -> None:
    with pytest.raises(ValueError, match="half a surrogate pair"):
        RecordText(template="{a}").of({"a": "\ud800"})


def test_shells_pass_escapes() -> None:
    assert unescaped(r"{a}\n\t\\n") == "{a}\n\t\\n"
    for odd in (r"\x", "\\"):
        with pytest.raises(UsageError, match="in a template"):
            unescaped(odd)
