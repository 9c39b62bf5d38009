"""Shopping list and other lists.

"Add milk, eggs and bread to the shopping list."  "What's on my packing list?"  "Is there milk on the list?"
"""

import re
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from device.skills import spoken
from device.skills.skill import Context, Prepared, SkillError, not_meant, skill

MOST_ITEMS = 200
MOST_LISTS = 50
_MOST_NAME_WORDS = 4
SHOPPING = "shopping"
#: Lists that everybody has, be they empty.
_USUAL = (SHOPPING, "to-do")
#: Other names of the same list.
_SAME = {"": SHOPPING, "grocery": SHOPPING, "groceries": SHOPPING, "shop": SHOPPING, "to do": "to-do", "todo": "to-do"}
#: Pairs that are one thing to buy: "and" does not part them.
_PAIRS = ("salt and pepper", "fish and chips", "mac and cheese", "macaroni and cheese", "oil and vinegar",
          "half and half", "gin and tonic", "bread and butter pickles")  # fmt: skip
#: Plurals with an "es" behind what the singular ends in.
_WITH_ES = ("oes", "ches", "shes", "xes", "ses", "zes")
#: Words that stand for something else: a language model may know what.
_NOBODY_KNOWS = frozenset("me you him her us them it this that these those everything everyone everybody".split())


def parted(items: Any) -> Any:
    """ "milk, eggs and bread" as three items; a list as it is."""
    if not isinstance(items, str):
        return items
    text = " ".join(items.lower().split())
    if text in _NOBODY_KNOWS or "list" in text.split():
        raise not_meant("item")
    for pair in _PAIRS:
        text = text.replace(pair, pair.replace(" and ", " \0 "))
    parts = re.split(r",? and |, |,$| plus ", text)
    return [item for part in parts if (item := clean_item(part.replace("\0", "and")))]


def clean_item(text: str) -> str:
    """Without articles: "some milk" is milk, "a dozen eggs" stays."""
    text = re.sub(r"^(?:some|the|a|an|more|any)\s+(?!(?:dozen|few|couple|lot|bit)\b)", "", text.strip(" .,?!;").lower())
    return " ".join(text.split())


def list_name(name: str) -> str:
    """ "my Grocery" as "shopping"."""
    name = re.sub(r"\s*lists?$", "", spoken.clean_name(name))
    if len(name.split()) > _MOST_NAME_WORDS or not {"list", "and", "to"}.isdisjoint(_SAME.get(name, name).split()):
        raise not_meant("name")  # a second wish was taken for a part of it
    return _SAME.get(name, name)


Item = Annotated[str, Field(min_length=1, max_length=80)]
Items = Annotated[list[Item], BeforeValidator(parted), Field(min_length=1, max_length=20)]
ListName = Annotated[str, Field(max_length=40, description="such as shopping or packing"), BeforeValidator(list_name)]


def before_a_new_list(context: Context, items: Items, list: ListName = SHOPPING) -> Prepared:  # noqa: A002
    """Asks before a list is begun that nobody has had: "my chocolate list" may have been "my shopping list"."""
    known = list in _USUAL or context.state.get(list) is not None
    question = "" if known else f"There is no {list} list yet. Shall I begin one, with {spoken.listed(items)}?"
    return Prepared(question, {"items": [*items], "list": list})


@skill(prepare=before_a_new_list)
def add_to_list(context: Context, items: Items, list: ListName = SHOPPING) -> str:  # noqa: A002 - as people say it
    """Put items on the shopping list or on another list."""
    there = _items(context, list)
    if not there and len(context.state.all()) >= MOST_LISTS:
        raise SkillError(f"You have {MOST_LISTS} lists already.")
    known = _readings(there)
    new = [item for item in dict.fromkeys(items) if known.isdisjoint(_singulars(item))]
    if len(there) + len(new) > MOST_ITEMS:
        raise SkillError(f"Your {list} list is full: it has {len(there)} items.")
    if not new:
        are = "is" if len(items) == 1 else "are"
        return f"{spoken.sentence(spoken.listed(items))} {are} on your {list} list already."
    context.state.put(list, [*there, *new])
    return f"Added {spoken.listed(new)} to your {list} list."


@skill
def remove_from_list(context: Context, items: Items, list: ListName = SHOPPING) -> str:  # noqa: A002
    """Take items off a list."""
    there = _items(context, list)
    wanted = _readings(items)
    gone = [item for item in there if not wanted.isdisjoint(_singulars(item))]
    if not gone:
        raise SkillError(f"{spoken.sentence(spoken.listed(items, 'or'))} is not on your {list} list.")
    context.state.put(list, [item for item in there if item not in gone] or None)
    took = f"Took {spoken.listed(gone)} off your {list} list."
    found = _readings(gone)
    missed = [item for item in dict.fromkeys(items) if found.isdisjoint(_singulars(item))]
    if not missed:
        return took
    return f"{took} {spoken.sentence(spoken.listed(missed))} {'was' if len(missed) == 1 else 'were'} not on it."


@skill(read_only=True)
def read_list(context: Context, list: ListName = SHOPPING) -> str:  # noqa: A002
    """Read out a list."""
    there = _items(context, list)
    if not there:
        return f"Your {list} list is empty."
    if len(there) < 4:
        return f"On your {list} list: {spoken.listed(there)}."
    return f"There are {len(there)} items on your {list} list: {spoken.listed(there)}."


@skill(read_only=True)
def is_on_list(context: Context, items: Items, list: ListName = SHOPPING) -> str:  # noqa: A002
    """Tell whether something is on a list."""
    there = _readings(_items(context, list))
    on, off = ([i for i in items if there.isdisjoint(_singulars(i)) != wanted] for wanted in (True, False))
    if not off:
        return f"Yes, {spoken.listed(on)} {'is' if len(on) == 1 else 'are'} on your {list} list."
    if not on:
        return f"No, {spoken.listed(off, 'or')} is not on your {list} list."
    return f"{spoken.sentence(spoken.listed(on))} yes, {spoken.listed(off)} no."


@skill(confirm="Shall I clear your {list} list?")
def clear_list(context: Context, list: ListName = SHOPPING) -> str:  # noqa: A002
    """Clear a list: everything on it is gone."""
    if not _items(context, list):
        raise SkillError(f"Your {list} list is empty already.")
    context.state.put(list, None)
    return f"Your {list} list is empty now."


@skill(read_only=True)
def tell_lists(context: Context) -> str:
    """Tell which lists there are."""
    names = [name for name in context.state.all() if _items(context, name)]
    if not names:
        return "All lists are empty."
    return f"You have {spoken.count(len(names), 'list')}: {spoken.listed(names)}."


def _items(context: Context, name: str) -> list[str]:
    kept = context.state.get(name)
    return [item for item in kept if isinstance(item, str)] if isinstance(kept, list) else []


def _singulars(item: str) -> set[str]:
    """What `item` may be many of: "cookies" of "cookie" or "cooky". Two items that have one in common are the same."""
    word = clean_item(item)
    found = {word}
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        found.add(word[:-1])
        if word.endswith("ies"):
            found.add(f"{word[:-3]}y")
        elif word.endswith(_WITH_ES):
            found.add(word[:-2])
    return found


def _readings(items: Iterable[str]) -> set[str]:
    return {singular for item in items for singular in _singulars(item)}
