"""What the shop's persona can do with orders. What changes one is asked first, by what it is and what it cost."""

import contextlib
from datetime import date, datetime, timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from device.persona import Persona
from device.personas.store.order_number import OrderNumber, order_number, spoken_number
from device.personas.store.orders import Order, OrderBook
from device.skills.skill import Context, Prepared, Result, SkillError, skill

#: "It" means the order that was talked of, for so long.
TALKED_OF_FOR = timedelta(minutes=10)
RETURN_DAYS = 30


def _thing(text: Any) -> Any:
    """ "Order for two one nine" is no order of that thing."""
    if isinstance(text, str) and order_number(text) is not None:
        raise PydanticCustomError("product", "a number is no product")
    return text


Product = Annotated[str, BeforeValidator(_thing), Field(min_length=2, max_length=60)]
Digit = Annotated[int, Field(ge=0, le=9)]
Pair = Annotated[int, Field(ge=10, le=99)]

_WEEKDAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_MONTHS = "January February March April May June July August September October November December".split()


@skill(read_only=True)
def order_status(context: Context, number: OrderNumber | None = None) -> Result:
    """Look up an order by its number: what it is, what it cost, and where it is."""
    order = _order(context, number)
    _talk_of(context, order)
    return Result(f"{_subject(order)} {_where(order, _today(context))}", _data(order))


@skill(read_only=True)
def find_order(context: Context, product: Product) -> Result:
    """Look up an order by the thing that was ordered, such as "the kettle"."""
    words = [word for word in product.casefold().split() if word not in ("a", "an", "the", "my", "new", "order")]
    orders = _book(context).with_item(words)
    if not orders:
        raise SkillError(f"I find no order with {' '.join(words) or product}. Do you have its number?")
    if len(orders) > 1:
        listed = ", or ".join(f"{spoken_number(o.number)}, {_the(o.item)}" for o in orders[:4])
        return Result(f"There are {len(orders)}. Is it order {listed}?", {"orders": [_data(o) for o in orders[:4]]})
    _talk_of(context, orders[0])
    return Result(f"{_subject(orders[0])} {_where(orders[0], _today(context))}", _data(orders[0]))


@skill(read_only=True)
def number_alone(
    context: Context,
    whole: Annotated[int, Field(ge=0, le=9999)] | None = None,
    first: Pair | None = None,
    second: Pair | None = None,
    a: Digit | None = None,
    b: Digit | None = None,
    c: Digit | None = None,
    d: Digit | None = None,
) -> Result:
    """Somebody says the number of an order and nothing else."""
    parts = [str(part) for part in (whole, first, a, b, second, c, d) if part is not None]
    digits = order_number(" ".join(parts)) or ""
    return order_status.run(context, digits)  # type: ignore[return-value]  # it gives back a Result


def _to_cancel(context: Context, number: str | None = None) -> Prepared:
    order = _order(context, number)
    _talk_of(context, order)
    if why := _why_not_cancel(order):
        raise SkillError(why)
    question = f"Shall I cancel {_mentioned(order)}, {_the(order.item)}, for {euros(order.price_cents)}?"
    return Prepared(question, {"number": order.number})


@skill(confirm="Shall I cancel that order?", prepare=_to_cancel)
def cancel_order(context: Context, number: OrderNumber | None = None) -> Result:
    """Cancel an order that has not been shipped yet."""
    number = _order(context, number).number
    book = _book(context)
    order, changed = book.change(number, "cancelled", key=context.key, at=context.now, allowed="placed")
    _talk_of(context, order)
    if not changed:
        raise SkillError(_why_not_cancel(order))
    return Result(f"{_subject_short(order)} is cancelled. You get {euros(order.price_cents)} back.", _data(order))


def _to_return(context: Context, number: str | None = None) -> Prepared:
    order = _order(context, number)
    _talk_of(context, order)
    if why := _why_not_return(order, _today(context)):
        raise SkillError(why)
    return Prepared(f"Shall I start the return of {_mentioned(order)}, {_the(order.item)}?", {"number": order.number})


@skill(confirm="Shall I start that return?", prepare=_to_return)
def start_return(context: Context, number: OrderNumber | None = None) -> Result:
    """Start the return of an order that has been delivered."""
    order = _order(context, number)
    if order.status == "delivered" and (why := _why_not_return(order, _today(context))):
        raise SkillError(why)
    book = _book(context)
    order, changed = book.change(order.number, "returning", key=context.key, at=context.now, allowed="delivered")
    _talk_of(context, order)
    if not changed:
        raise SkillError(_why_not_return(order, _today(context)))
    return Result(
        f"The return of {_mentioned(order)} has begun. The label comes by email; you get "
        f"{euros(order.price_cents)} back when the parcel is here.",
        _data(order),
    )


def _why_not_cancel(order: Order) -> str:
    name = _subject_short(order)
    reasons = {
        "placed": "",
        "shipped": f"{name} has been shipped already, so I can't cancel it. You can return it when it has arrived.",
        "delivered": f"{name} has been delivered already, so I can't cancel it. You can return it.",
        "cancelled": f"{name} is cancelled already.",
        "returning": f"{name} is on its way back already.",
    }
    return reasons[order.status]


def _why_not_return(order: Order, today: date) -> str:
    name = _subject_short(order)
    if order.status == "delivered":
        late = order.delivered_on is not None and (today - order.delivered_on).days > RETURN_DAYS
        return f"{name} was delivered more than {RETURN_DAYS} days ago, so I can't start a return." if late else ""
    reasons = {
        "placed": f"{name} has not been shipped yet. You can cancel it.",
        "shipped": f"{name} has not arrived yet. You can return it then.",
        "cancelled": f"{name} was cancelled; there is nothing to return.",
        "returning": f"The return of {_mentioned(order)} has begun already.",
    }
    return reasons[order.status]


def _book(context: Context) -> OrderBook:
    persona = context.services.get(Persona)
    if persona.database is None:
        raise SkillError("I have no orders here.", hint='the persona needs: database = "orders.db"')
    return OrderBook(persona.database)


def _order(context: Context, number: str | None) -> Order:
    """None: the order that was talked of last. Raises SkillError: there is none."""
    if number is None:
        talked_of = context.state.get("talked of")
        if not talked_of or context.now - datetime.fromisoformat(talked_of["at"]) > TALKED_OF_FOR:
            raise SkillError("Which order do you mean? Tell me its number.")
        number = str(talked_of["number"])
    order = _book(context).find(number)
    if order is None:
        raise SkillError(f"I find no order {spoken_number(number)}.")
    return order


def _talk_of(context: Context, order: Order) -> None:
    """Only which order "it" is: whatever would change one names it in a question first.

    A disk that is full must not cost the answer; and the same is not written at every pause.
    """
    with contextlib.suppress(SkillError):
        before = context.state.get("talked of")
        if before and before["number"] == order.number:
            age = context.now - datetime.fromisoformat(before["at"])
            if age < TALKED_OF_FOR / 10:
                return
        context.state.put("talked of", {"number": order.number, "at": context.now.isoformat()})


def _where(order: Order, today: date) -> str:
    expected = f"It should arrive {_day(order.expected_on, today)}." if order.expected_on else ""
    where = {
        "placed": f"It has not been shipped yet. {expected}",
        "shipped": f"It is on its way. {expected}",
        "delivered": f"It was delivered {_day(order.delivered_on, today)}."
        if order.delivered_on
        else "It was delivered.",
        "cancelled": "It is cancelled.",
        "returning": "Its return has begun.",
    }
    return where[order.status].strip()


def _subject(order: Order) -> str:
    return f"{_subject_short(order)}: {order.item} for {euros(order.price_cents)}."


def _subject_short(order: Order) -> str:
    return f"Order {spoken_number(order.number)}"


def _mentioned(order: Order) -> str:
    return f"order {spoken_number(order.number)}"


def _the(item: str) -> str:
    first, _, rest = item.partition(" ")
    return f"the {rest}" if first in ("a", "an") else f"the {item}"


def euros(cents: int) -> str:
    """3450 is "34 euros 50"."""
    whole, rest = divmod(cents, 100)
    return f"{whole} euro{'' if whole == 1 else 's'}" + (f" {rest:02}" if rest else "")


def _day(day: date | None, today: date) -> str:
    assert day is not None
    away = (day - today).days
    near = {-1: "yesterday", 0: "today", 1: "tomorrow"}
    if away in near:
        return near[away]
    if 1 < away < 7:
        return f"on {_WEEKDAYS[day.weekday()]}"
    return f"on {_MONTHS[day.month - 1]} {day.day}"


def _today(context: Context) -> date:
    return context.now.date()


def _data(order: Order) -> dict[str, object]:
    return {
        "number": order.number,
        "item": order.item,
        "price": euros(order.price_cents),
        "status": order.status,
        "expected_on": order.expected_on.isoformat() if order.expected_on else None,
        "delivered_on": order.delivered_on.isoformat() if order.delivered_on else None,
    }
