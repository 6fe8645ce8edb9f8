"""GraphQL asked of the real application, without a socket.

graph = Graph(site)
graph("{viewer{entity}}")["viewer"]
graph.errors("{viewer{nothing}}")
"""

from __future__ import annotations

from typing import Any

from server.api_client import Site

__all__ = ["Graph"]


class Graph:
    """Asks a site as wandb's core does."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def __call__(self, document: str, **variables: Any) -> dict[str, Any]:
        """The data of an answer that has no errors."""
        body = self.body(document, **variables)
        assert "errors" not in body, body["errors"]
        data: dict[str, Any] = body["data"]
        return data

    def errors(self, document: str, status: int = 200, /, **variables: Any) -> list[str]:
        """The messages of an answer that has errors."""
        body = self.body(document, status, **variables)
        return [error["message"] for error in body["errors"]]

    def body(self, document: str, status: int = 200, /, **variables: Any) -> dict[str, Any]:
        """The whole answer, which has this status."""
        said = {"query": document, "variables": variables or None, "operationName": ""}
        answer = self._site.ask("POST", "/graphql", json=said)
        assert answer.status_code == status, answer.text
        body: dict[str, Any] = answer.json()
        assert body.get("error") == (body["errors"][0]["message"] if status != 200 else None)
        return body
