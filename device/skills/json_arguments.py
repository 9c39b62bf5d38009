"""The arguments of a skill whose schema is somebody else's JSON Schema.

    Arguments = arguments_of("home_set_light", {"type": "object", "properties": {"room": {"type": "string"}}})
    Arguments.model_validate({"room": "kitchen"})      # a pydantic model, checked by jsonschema
    given(Arguments, {"room": "kitchen"})              # {"room": "kitchen"}: what is handed on

The model has a field for each property, so that sentences have slots for them; the check itself is the schema's. A
reference out of the schema is refused, and nothing is ever fetched for one.
"""

import json
import keyword
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    create_model,
    model_serializer,
    model_validator,
)
from referencing import Registry
from referencing.exceptions import Unresolvable

from device.skills.skill import SkillDefinitionError

MOST_SCHEMA_CHARS = 20_000
MOST_PROPERTIES = 40


class _NotGiven:
    """Stands for an argument that was left out; prints as nothing in a template."""

    def __bool__(self) -> bool:
        return False

    def __str__(self) -> str:
        return ""

    def __repr__(self) -> str:
        return "NOT_GIVEN"


NOT_GIVEN = _NotGiven()


class JsonArguments(BaseModel):
    """Base of the classes that `arguments_of` makes."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    #: the schema as it came
    json_schema: ClassVar[Mapping[str, Any]]
    #: name of the property by name of the field
    property_of: ClassVar[Mapping[str, str]]
    checker: ClassVar[Validator]

    @model_validator(mode="wrap")
    @classmethod
    def _check(cls, raw: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(raw, Mapping):
            raise ValueError("is not an object")  # noqa: TRY004 - pydantic takes ValueError alone
        # slots have the names of fields, a language model those of properties
        properties = cls.json_schema.get("properties", {})
        named = {key if key in properties else cls.property_of.get(key, key): value for key, value in raw.items()}
        numbers_meant = _coerced(named, cls.json_schema)
        try:
            cls.checker.validate(numbers_meant)
        except ValidationError as error:
            raise ValueError(_short(_in_words(error))) from error
        except Unresolvable as error:
            raise ValueError("the schema of this tool refers to something that it does not hold") from error
        field_of = {name: field for field, name in cls.property_of.items()}
        return handler({field_of[name]: value for name, value in numbers_meant.items() if name in field_of})

    @model_serializer(mode="plain")
    def _dump(self) -> dict[str, Any]:
        return {p: self.__dict__[f] for f, p in self.property_of.items() if f in self.__pydantic_fields_set__}

    @classmethod
    def model_json_schema(cls, *_: Any, **__: Any) -> dict[str, Any]:
        """The schema as it came."""
        return dict(cls.json_schema)


def arguments_of(name: str, schema: Mapping[str, Any]) -> type[JsonArguments]:
    """A class of arguments for the skill `name`. Raises SkillDefinitionError: it is no schema of an object."""
    try:
        size = len(json.dumps(schema))
        if size > MOST_SCHEMA_CHARS:
            raise _bad(name, f"its schema is {size:,} characters long")
        properties = schema.get("properties", {})
        if schema.get("type") != "object" or not isinstance(properties, Mapping):
            raise _bad(name, "its schema is not that of an object")
        if len(properties) > MOST_PROPERTIES:
            raise _bad(name, f"it has {len(properties)} arguments")
        kind = validator_for(schema)
        kind.check_schema(schema)
    except SchemaError as error:
        raise _bad(name, f"its schema is none: {_short(error.message)}") from error
    except (TypeError, ValueError, RecursionError, AttributeError) as error:
        raise _bad(name, f"its schema is none: {_short(str(error))}") from error
    property_of: dict[str, str] = {}
    fields: dict[str, Any] = {}
    for prop in properties:
        field = _field_name(prop, [*property_of, *(other for other in properties if other != prop)])
        property_of[field] = prop
        fields[field] = (Any, Field(default=NOT_GIVEN))
    made = create_model(name, __base__=JsonArguments, **fields)
    made.json_schema = schema
    made.property_of = property_of
    # an empty registry: a reference resolves within the schema, or not at all
    made.checker = kind(schema, registry=Registry())
    return made


def given(arguments: type[JsonArguments], values: Mapping[str, Any]) -> dict[str, Any]:
    """What a skill was handed (by name of the field), by name of the property, without what was left out."""
    return {arguments.property_of[field]: value for field, value in values.items() if value is not NOT_GIVEN}


def _coerced(values: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """A slot may be the text "5" where a number is meant: as pydantic has it for our own skills."""
    out: dict[str, Any] = {}
    for name, value in values.items():
        about = schema.get("properties", {}).get(name)
        kind = about.get("type") if isinstance(about, Mapping) else None
        if isinstance(value, str) and kind in {"integer", "number"} and re.fullmatch(r"-?\d{1,15}(\.\d{1,15})?", value):
            number = float(value)
            out[name] = int(number) if number.is_integer() else number
        elif isinstance(value, str) and kind == "boolean" and value.lower() in {"true", "false"}:
            out[name] = value.lower() == "true"
        else:
            out[name] = value
    return out


def _in_words(error: ValidationError) -> str:
    """The commonest mistakes as they can be said; the others in jsonschema's words."""
    where = " ".join(re.sub(r"[\W_]+", " ", ".".join(str(part) for part in error.absolute_path)).split())
    if error.validator == "enum" and isinstance(error.validator_value, list) and len(error.validator_value) <= 8:
        return f"the {where or 'value'} can be {' or '.join(str(value) for value in error.validator_value)}"
    if error.validator == "required" and isinstance(error.instance, Mapping):
        missing = [str(name) for name in error.validator_value if name not in error.instance]
        return f"I don't know the {' and the '.join(missing).replace('_', ' ')}"
    return f"{where}: {error.message}" if where else str(error.message)


def _field_name(prop: str, taken: Sequence[str]) -> str:
    field = re.sub(r"\W", "_", prop, flags=re.ASCII).strip("_")[:40]
    # a field must not hide what pydantic's models have
    if not field or field[0].isdigit() or keyword.iskeyword(field) or hasattr(JsonArguments, field) or field in taken:
        field = f"argument_{field}"
    while field in taken:
        field += "_"
    return field


def _bad(name: str, why: str) -> SkillDefinitionError:
    return SkillDefinitionError(f"tool '{name}': {why}")


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 160 else text[:157] + "..."
