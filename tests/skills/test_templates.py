import pytest

from device.skills.templates import TemplateError, Templates, spoken_filters

TEMPLATES = Templates({"double": lambda value: 2 * value, "fail": lambda value: {}[value]})


def test_what_is_known_beforehand() -> None:
    assert TEMPLATES.compile("Done.").known_beforehand
    slots = TEMPLATES.compile("{{ slots.cups | double }} of {{ slots['what'] }}.")
    assert slots.known_beforehand
    assert slots.slots == {"cups", "what"}
    assert slots.render({"cups": 2, "what": "tea"}) == "4 of tea."
    assert not TEMPLATES.compile("{{ result.degrees }} degrees").known_beforehand
    assert not TEMPLATES.compile("{% if slots.x and result %}x{% endif %}").known_beforehand
    assert TEMPLATES.compile("{% set result = 1 %}{{ result }}").known_beforehand  # its own


def test_white_space_is_folded() -> None:
    text = "{% for x in result.list %}\n  {{ x }},\n{% endfor %}\n"
    assert TEMPLATES.compile(text).render({}, {"list": ["a", "b"]}) == "a, b,"


def test_names_that_are_methods_of_a_dict_too() -> None:
    response = TEMPLATES.compile("{{ result.items }} {{ result.deep.keys }} {{ slots.values }}")
    assert response.render({"values": 3}, {"items": 1, "deep": {"keys": 2}}) == "1 2 3"


def test_words_are_no_web_page() -> None:
    assert TEMPLATES.compile("{{ slots.x }}").render({"x": "<b> & {{ y }}"}) == "<b> & {{ y }}"


@pytest.mark.parametrize(
    ("source", "line"),
    [("{{", 1), ("a\n{% if %}", 2), ("a\n\n{{ 1 | nothing }}", 3), ("\n{{ y }}", 2), ("x\n{{ slots.z }}", 2)],
)
def test_what_is_wrong_is_told_with_its_line(source: str, line: int) -> None:
    with pytest.raises(TemplateError) as caught:
        TEMPLATES.compile(source, ["x"])
    assert caught.value.line == line


@pytest.mark.parametrize(
    "source",
    [
        "{{ result.gone }}",
        "{{ slots.x.y }}",
        "{{ 1 | fail }}",
        "{{ 1 / 0 }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ slots.update(x=1) }}",
        "{{ range(999999999) | list }}",
    ],
)
def test_what_fails_while_it_is_rendered(source: str) -> None:
    with pytest.raises(TemplateError):
        TEMPLATES.compile(source).render({"x": 1}, {"y": 2})


def test_filters_are_the_public_functions_of_spoken() -> None:
    assert all(callable(f) and not name.startswith("_") for name, f in spoken_filters().items())
    assert Templates().compile("{{ slots.x }}").render({"x": 1}) == "1"
