"""GraphQL: a document, its variables and a request in; data and errors out.

Owns the schema, which document is taken, and how an error is worded. Must not know HTTP or what
a resolver does.
"""

from __future__ import annotations

import re
import sys
import threading
import traceback
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    build_schema,
    execute_sync,
    get_directive_values,
    parse,
    validate,
)

from holdfast.errors import HoldfastError, RefusedError, UsageError
from holdfast.server.gateway.context import Context, Fields, Resolver

__all__ = ["Engine", "Outcome"]

_MAX_DOCUMENT = 100_000  # characters; the longest of any client has under 10,000
_MAX_TOKENS = 5_000
_MAX_DEPTH = 20
_MAX_ERRORS = 20
_MAX_KEPT = 256

_BY_STATUS = frozenset({403, 410, 429, 503, 507})
"""Refusals that have their HTTP status: by 403 and 410 every client knows that there is nothing to
try again (another's run, one that was deleted), by the others that it should, later. A 404 up to
0.17 is told as a lack of rights, and a 422 tried again."""

_MALFORMED = frozenset({400, 422})
"""What a change cannot be, such as a path that leaves the run: 400. Of a question it is told in an
answer of 200, for clients up to 0.24 print nothing of what a 400 says."""

_LATER = {
    "automation": "automations",
    "integration": "integrations",
    "launchagent": "launch",
    "runqueue": "launch",
    "registr": "registries",
    "team": "teams",
    "invite": "teams",
    "serviceaccount": "teams",
}
"""What is not served, by a part of the names that W&B's clients give their operations about it."""

_SCALARS: dict[str, tuple[type, ...]] = {
    "JSONString": (str,),
    "DateTime": (str,),
    "Duration": (int, float),
    "Int64": (int,),
}
"""What a variable of a scalar of ours may be; the library takes anything."""

_QUOTED = re.compile(r"'((?:\\.|[^'\\])*)'")


@dataclass(frozen=True)
class Outcome:
    """What to answer: the HTTP status and the body."""

    status: int
    body: dict[str, Any]


class Engine:
    """Executes documents. All methods may run in several threads.

    Args:
        fields: the resolvers of all modules.
    """

    def __init__(self, fields: Fields) -> None:
        self._schema = _schema(fields)
        self._unserved = _unserved(self._schema)
        self._kept: OrderedDict[str, DocumentNode] = OrderedDict()
        self._lock = threading.Lock()

    def execute(
        self, text: str, variables: dict[str, Any], operation: str, context: Context
    ) -> Outcome:
        """Execute one operation of a document.

        Args:
            text: the document.
            variables: by name.
            operation: which of its operations; empty when it has one only.
            context: of the request.
        """
        try:
            document = self._document(text)
        except _InvalidError as error:
            return _outcome(error.status, {"errors": [{"message": m} for m in error.messages]})
        result = execute_sync(
            self._schema,
            document,
            context_value=context,
            variable_values=variables,
            operation_name=operation or None,
        )
        if not result.errors:
            return Outcome(200, {"data": result.data})
        if result.data is None and (unserved := self._unserved_in(document)):
            return _outcome(200, {"errors": [{"message": one} for one in unserved]})
        said = [_said(error) for error in result.errors[:_MAX_ERRORS]]
        changes = _is_mutation(document)
        codes = [_status(error, changes) for error in result.errors[:_MAX_ERRORS]]
        status = next((code for code in codes if code != 200), 200)
        return _outcome(status, {"data": result.data, "errors": said})

    def _unserved_in(self, document: DocumentNode) -> list[str]:
        """What a document that does not fit asks for and is not served at all.

        A client newer than our schema may say more of it than the schema knows.
        """
        return [self._unserved[name] for name in _roots(document) if name in self._unserved]

    def _document(self, text: str) -> DocumentNode:
        """The parsed document, proven to fit the schema."""
        with self._lock:
            document = self._kept.get(text)
            if document is not None:
                self._kept.move_to_end(text)
                return document
        document = _parsed(text)
        _check_depth(document)
        errors = validate(self._schema, document, max_errors=_MAX_ERRORS)
        if errors:
            standard = _named_for(document) + [_standard(error.message) for error in errors]
            # Up to 0.24 clients look for these words in an answer of status 200 only.
            raise _InvalidError(self._unserved_in(document) or standard, status=200)
        with self._lock:
            self._kept[text] = document
            while len(self._kept) > _MAX_KEPT:
                self._kept.popitem(last=False)
        return document


class _InvalidError(Exception):
    """The document cannot be executed."""

    def __init__(self, messages: list[str], *, status: int = 400) -> None:
        super().__init__(messages)
        self.messages = messages
        self.status = status


def _outcome(status: int, body: dict[str, Any]) -> Outcome:
    """An answer with errors, one line each; of one refused, newer clients print ``error``."""
    for error in body["errors"]:
        error["message"] = " ".join(error["message"].split())
    if status != 200:
        body["error"] = body["errors"][0]["message"]
    return Outcome(status, body)


def _status(error: GraphQLError, changes: bool) -> int:
    """The HTTP status that an error asks for; what cannot be answered is an answer, of 200."""
    cause = error.original_error
    if error.path is None:
        return 400  # the variables or the name of the operation do not fit the document
    if isinstance(cause, RefusedError) and cause.status in _BY_STATUS:
        return cause.status
    malformed = isinstance(cause, UsageError) or (
        isinstance(cause, RefusedError) and cause.status in _MALFORMED
    )
    return 400 if changes and malformed else 200


def _named_for(document: DocumentNode) -> list[str]:
    """What is not served and not in the schema either, by the name that a client's document has."""
    names = [
        one.name.value.lower()
        for one in document.definitions
        if isinstance(one, OperationDefinitionNode) and one.name is not None
    ]
    found = [what for part, what in _LATER.items() if any(part in name for name in names)]
    return [str(_refusal_of(what)) for what in dict.fromkeys(found)]


def _is_mutation(document: DocumentNode) -> bool:
    operations = (one for one in document.definitions if isinstance(one, OperationDefinitionNode))
    return any(one.operation is OperationType.MUTATION for one in operations)


def _parsed(text: str) -> DocumentNode:
    if len(text) > _MAX_DOCUMENT:
        raise _InvalidError([f"a document of more than {_MAX_DOCUMENT} characters"])
    try:
        return parse(text, no_location=True, max_tokens=_MAX_TOKENS)
    except GraphQLError as error:
        raise _InvalidError([_standard(error.message)]) from error
    except RecursionError as error:
        raise _InvalidError([f"a document of more than {_MAX_DEPTH} levels"]) from error


def _roots(document: DocumentNode) -> Iterator[str]:
    """The fields with which the operations of a document begin."""
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            for field in node.selection_set.selections:
                if isinstance(field, FieldNode):
                    yield field.name.value


def _check_depth(document: DocumentNode) -> None:
    """Refuse what nests deeper than any client asks, fragments followed."""
    fragments = {
        node.name.value: node.selection_set
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    known: dict[str, int] = {}
    for node in document.definitions:
        if (
            isinstance(node, OperationDefinitionNode)
            and _depth(node.selection_set, fragments, known) > _MAX_DEPTH
        ):
            raise _InvalidError([f"a document of more than {_MAX_DEPTH} levels"])


def _depth(
    selections: SelectionSetNode | None,
    fragments: Mapping[str, SelectionSetNode],
    known: dict[str, int],
) -> int:
    if selections is None:
        return 0
    deepest = 0
    for node in selections.selections:
        if isinstance(node, FragmentSpreadNode):
            name = node.name.value
            if name not in known:
                known[name] = 0  # one that spreads itself ends here; validation refuses it
                known[name] = _depth(fragments.get(name), fragments, known)
            deepest = max(deepest, known[name])
        elif isinstance(node, FieldNode | InlineFragmentNode):
            deepest = max(deepest, _depth(node.selection_set, fragments, known))
    return deepest + 1


def _standard(message: str) -> str:
    """The library's message in the words of the reference implementation, which clients match."""
    return _QUOTED.sub(r'"\1"', message)


def _said(error: GraphQLError) -> dict[str, Any]:
    """An error as the client sees it: our own words, never a trace."""
    said: dict[str, Any] = {"message": _standard(error.message)}
    if error.path:
        said["path"] = error.path
    cause = error.original_error
    if isinstance(cause, HoldfastError):
        said["message"] = str(cause)
        if isinstance(cause, RefusedError):
            said["extensions"] = {"code": cause.code, "status": cause.status}
    elif cause is not None and not isinstance(cause, GraphQLError):
        print(f"holdfast: gateway: {error.path}", file=sys.stderr)  # noqa: T201 - the server's log
        traceback.print_exception(cause)
        where = ".".join(map(str, error.path or ()))
        said["message"] = (
            f"{where} failed: {type(cause).__name__}; the server's log has the traceback"
        )
    return said


def _schema(fields: Fields) -> GraphQLSchema:
    files = (resources.files(__package__) / "schema").iterdir()
    texts = sorted(
        (file.name, file.read_text("utf-8")) for file in files if file.name.endswith(".graphql")
    )
    schema = build_schema("\n".join(text for _, text in texts))
    for name, resolvers in fields.items():
        kind = schema.type_map[name]
        assert isinstance(kind, GraphQLObjectType), name
        for field, resolver in resolvers.items():
            kind.fields[field].resolve = _adapted(resolver)
    for name, kinds in _SCALARS.items():
        scalar: Any = schema.type_map[name]
        # The library renamed it; the old name is still asked in older versions.
        scalar.parse_value = scalar.coerce_input_value = _checked(name, kinds)
    for kind in schema.type_map.values():
        for field_name, one in kind.fields.items() if isinstance(kind, GraphQLObjectType) else ():
            what = _not_served(schema, one)
            if what:
                one.resolve = _adapted(_refuses(what))
            elif kind in {schema.query_type, schema.mutation_type}:
                assert one.resolve is not None, f"{kind.name}.{field_name} has no resolver"
    return schema


def _not_served(schema: GraphQLSchema, field: GraphQLField) -> str:
    """What it is that a field of the schema stands for and is not served; empty if it is."""
    unserved = schema.get_directive("unserved")
    assert unserved is not None
    said = get_directive_values(unserved, field.ast_node) if field.ast_node else None
    return said["what"] if said is not None else ""


def _unserved(schema: GraphQLSchema) -> dict[str, str]:
    """What to answer to each field with which an operation may begin, and that is not served."""
    found = {}
    for kind in (schema.query_type, schema.mutation_type):
        for name, field in kind.fields.items() if kind is not None else ():
            if what := _not_served(schema, field):
                found[name] = str(_refusal_of(what))
    return found


def _checked(name: str, kinds: tuple[type, ...]) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, kinds):
            raise GraphQLError(f"{name} cannot represent value: {value!r:.80}")
        return value

    return check


def _adapted(resolver: Resolver) -> Any:
    def resolve(source: Any, info: GraphQLResolveInfo[Context], **arguments: Any) -> Any:
        return resolver(source, info.context, arguments)

    return resolve


def _refuses(what: str) -> Resolver:
    def refuse(source: Any, context: Context, arguments: Mapping[str, Any]) -> Any:
        del source, context, arguments
        raise _refusal_of(what)

    return refuse


def _refusal_of(what: str) -> RefusedError:
    return RefusedError(
        f"this Holdfast server does not serve {what} yet",
        "the rest of the run is not touched by it",
        status=501,
        code="unserved",
    )
