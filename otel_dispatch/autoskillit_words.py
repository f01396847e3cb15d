"""What AutoSkillit's arguments, results and answers say: names, ids and machine words, and no text."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from . import attributes as a
from .autoskillit_layers import Asked, Session
from .bodies import Fields, decode
from .record import Dispatch, Requested
from .vocabulary import Kind, Mismatch, tag_of, text_of

REPORT: Final = "report-bug"
"""The skill that a bug report runs."""

_SKILL: Final = re.compile(r"\s*/(?:[\w.-]+:)?([\w.-]+)(?:\s|$)", re.ASCII)
_WORD: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tool answered: whether it says that it succeeded, and the machine word for how it went."""

    success: bool
    word: str | None


class _Answer(Fields):
    success: Any = None
    subtype: Any = None
    error: Any = None


_answer = msgspec.json.Decoder(_Answer)


def skill_in(command: object) -> str | None:
    """The name of the skill that *command*, a slash command with a prompt behind it, starts."""
    found = _SKILL.match(command) if isinstance(command, str) else None
    return tag_of(found[1]) if found is not None else None


def names_of_tool(kind: Kind, arguments: Mapping[str, Any]) -> dict[str, str]:
    """What an entry is told of a tool's *arguments*."""
    skill = REPORT if kind is Kind.REPORT_BUG else skill_in(arguments.get("skill_command"))
    return _present(
        {
            "model": arguments.get("model"),
            "agent": arguments.get("step_name"),
            "workflow": arguments.get("recipe"),
            "skill": skill,
        }
    )


def words_of_tool(kind: Kind, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes that a tool's *arguments* tell."""
    severity = arguments.get("severity") or "non_blocking"
    return _present(
        {
            a.AUTOSKILLIT_STEP: arguments.get("step_name"),
            a.AUTOSKILLIT_ORDER: arguments.get("order_id"),
            a.AUTOSKILLIT_SEVERITY: severity if kind is Kind.REPORT_BUG else None,
        }
    )


def asked_of(kind: Kind, arguments: Mapping[str, Any], kwargs: Mapping[str, Any]) -> Asked:
    """What the executor was asked for by *kwargs*, below a tool's *arguments*."""
    told = _present(dict(kwargs))
    return Asked(
        model=told.get("model", ""),
        step=told.get("step_name", ""),
        recipe=told.get("recipe_name", ""),
        profile=told.get("profile_name") or told.get("provider_name", ""),
        argument=tag_of(arguments.get("model")) or "",
        declared=tag_of(arguments.get("step_provider")) or "",
        extras=_variables(kwargs.get("provider_extras")),
        fallback=_variables(kwargs.get("provider_fallback_env")),
        report=kind is Kind.REPORT_BUG,
        resumed=kwargs.get("resume_launch_contract") is not None,
    )


def words_of_session(session: Session, kitchen: Any, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The ids of a session, and the places in the configuration that decided."""
    return _present(
        {
            a.AUTOSKILLIT_KITCHEN: kwargs.get("kitchen_id") or kitchen,
            a.AUTOSKILLIT_ORDER: kwargs.get("order_id"),
            a.AUTOSKILLIT_DISPATCH: kwargs.get("dispatch_id") or os.environ.get("AUTOSKILLIT_DISPATCH_ID"),
            a.AUTOSKILLIT_CAMPAIGN: kwargs.get("campaign_id") or os.environ.get("AUTOSKILLIT_CAMPAIGN_ID"),
            a.AUTOSKILLIT_STEP: kwargs.get("step_name"),
            a.AUTOSKILLIT_MODEL_SOURCE: session.model.place if session.model is not None else None,
            a.AUTOSKILLIT_PROVIDER_SOURCE: session.provider.place if session.provider is not None else None,
        }
    )


def words_of_result(result: Any) -> dict[str, Any]:
    """What AutoSkillit itself makes of a session: coarser than what we hear, and so not the outcome."""
    words: dict[str, Any] = {
        a.AUTOSKILLIT_SUBTYPE: _word(getattr(result, "subtype", None)),
        a.AUTOSKILLIT_RETRY: _word(getattr(result, "retry_reason", None)),
    }
    found = {name: value for name, value in words.items() if value is not None}
    success = getattr(result, "success", None)
    return {**found, a.AUTOSKILLIT_SUCCESS: success} if isinstance(success, bool) else found


def requested_in(session: Session, above: Requested) -> Requested:
    """What is asked for by name in *session*, and where it names nothing, *above* it."""
    resolved = session.model.value if session.model is not None else None
    return Requested(session.asked.profile or above.provider, session.asked.argument or resolved or above.model)


def with_request(session: Session, dispatch: Dispatch) -> Dispatch:
    """The record of an entry with what its *session* was asked for."""
    told = replace(
        dispatch,
        requested=requested_in(session, dispatch.requested),
        names=replace(dispatch.names, workflow=dispatch.names.workflow or session.asked.recipe or None),
    )
    return told.differing(Mismatch.PROVIDER_HOST) if session.is_profile_lost else told


def with_result(session: Session | None, result: Any, below: Sequence[Dispatch], dispatch: Dispatch) -> Dispatch:
    """The record of an entry with what its session log will say of *result*, and whether the launches *below* agree."""
    reported = _reported_in(result)
    is_untrue = reported is not None and bool(below) and not any(_is_so(reported, session, one) for one in below)
    conversation = tag_of(getattr(result, "session_id", None)) or dispatch.names.conversation
    names = replace(dispatch.names, conversation=conversation)
    told = replace(dispatch, reported_provider=reported, names=names)
    return told.differing(Mismatch.PROVIDER_REPORTED) if is_untrue else told


def answer_in(result: Any) -> Answer:
    """What the text of a tool's *result* says in fields."""
    parts = getattr(result, "content", None) or ()
    text = next((part.text for part in parts if isinstance(getattr(part, "text", None), str)), "")
    told = decode(_answer, text.encode("utf-8", "replace")) or _Answer()
    # A fleet's answer names what went wrong by a code; anybody else's error is a sentence.
    code = told.error if isinstance(told.error, str) and told.error.startswith("fleet_") else None
    return Answer(told.success is True, _word(told.subtype) or _word(code))


def _reported_in(result: Any) -> str | None:
    # "" where the log will name nobody; None where the log of this version has no such field.
    for holder in (result, getattr(result, "provider", None)):
        told = getattr(holder, "provider_used", None)
        if isinstance(told, str):
            return text_of(told) or ""
    return None


def _is_so(reported: str, session: Session | None, one: Dispatch) -> bool:
    host = session.host_meant(reported) if session is not None and reported else ""
    return reported == one.provider or (host != "" and host == one.base_url_host)


def _present(told: Mapping[str, Any]) -> dict[str, str]:
    return {name: text for name, value in told.items() if (text := tag_of(value)) is not None}


def _word(value: object) -> str | None:
    return str(value) if isinstance(value, str) and _WORD.fullmatch(value) else None


def _variables(value: object) -> dict[str, str]:
    given = value if isinstance(value, Mapping) else {}
    return {name: text for name, text in given.items() if isinstance(name, str) and isinstance(text, str)}
