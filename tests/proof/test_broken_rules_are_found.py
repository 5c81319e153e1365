"""Each rule can fail: the domain is broken on purpose, one line at a time, and that rule alone finds it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import pytest

from bridge.rooms import (
    acts,
    arrivals,
    dialling,
    duty,
    hosting,
    invitations,
    locking,
    pins,
    policy,
    receiving,
    stills,
    timing,
)
from bridge.rooms import commands as c
from bridge.rooms import events as ev
from bridge.rooms.model import ByParticipant, Place, Role, Room, StillEnd
from bridge.rooms.refusal import Refusal
from tests.proof import rules
from tests.proof.breaking import (
    RIGHT,
    Change,
    always,
    changed,
    deciders,
    everybody,
    evolvers,
    one,
    tampered,
    unless_locked,
)
from tests.proof.event_rules import RULES
from tests.proof.explore import Broken, explore
from tests.proof.tries import Link, SmallRoom
from tests.proof.worlds import ADMISSION, DOCTOR, PATIENT, REDUCED, RELATIVE, SUBSTITUTE
from tests.rooms.rig import ADMINISTRATION, BRIDGE

ENOUGH_STATES: Final = 3000
WORLDS: Final = {world.name: world for world in REDUCED} | {
    "crowded": SmallRoom("crowded", (DOCTOR, PATIENT, RELATIVE, Link("third", Role.PATIENT)), ADMISSION, size=2),
    "roomy": SmallRoom("roomy", (DOCTOR, PATIENT, RELATIVE), ADMISSION),
    "two hosts": SmallRoom("two hosts", (DOCTOR, SUBSTITUTE, PATIENT), ADMISSION),
}


def admit_everybody(room: Room, asked: Any, now: datetime) -> ev.Outcome:
    """One click lets all in, also those who are not there."""
    if room.host is None or asked.by != ByParticipant(room.host):
        return []
    return [
        ev.Admitted(room=room.id, at=now, by=asked.by, participant=person.id) for person in room.at(Place.WAITING)
    ]


def admit_the_first(room: Room, asked: Any, now: datetime) -> ev.Outcome:
    """Of all only one is let in."""
    outcome = hosting.admit_all(room, asked, now)
    return outcome if isinstance(outcome, Refusal) else outcome[:1]


def come_in_from_outside(room: Room, asked: Any, now: datetime) -> ev.Outcome:
    """Who left comes back as if only the connection had been lost."""
    known = rules.holder(room, asked.invitation)
    if known is None or known.place is not Place.OUTSIDE:
        return arrivals.knock(room, asked, now)
    by = ByParticipant(known.id)
    return [ev.Reconnected(room=room.id, at=now, by=by, participant=known.id, connection=asked.connection)]


def call_over_a_connection(room: Room, asked: Any, now: datetime) -> ev.Outcome:
    """Whoever has the PIN takes the place, whether its holder is there or not."""
    known = next((p for p in room.participants.values() if room.invitations[p.invitation].pin in asked.pins), None)
    if known is None or known.place is Place.OUTSIDE:
        return arrivals.call(room, asked, now)
    return arrivals._reconnect(room, known, asked.connection, asked.line, now)


def see_off_whoever_follows(room: Room, asked: Any, now: datetime) -> ev.Outcome:
    """Visits end before it is known whether the next one can come in."""
    first = receiving.see_off(room, replace(asked, following=None), now)
    then = receiving.see_off(room, asked, now)
    return first if isinstance(then, Refusal) else then


def keep_the_role(room: Room, event: Any) -> Room:
    """Who leaves stays host."""
    return replace(RIGHT[ev.Left](room, event), host=room.host)


def pass_the_role_on(room: Room, event: Any) -> Room:
    """Who leaves leaves the role to whoever is in."""
    after = RIGHT[ev.Left](room, event)
    heir = next((person.id for person in after.at(Place.ADMITTED)), None)
    return replace(after, host=after.host or heir)


def name_of(event: type, **fields: Any) -> Callable[[Room, Any, ev.Event], ev.Event]:
    """Other fields for one kind of event."""
    return lambda _room, _asked, made: changed(made, **fields) if isinstance(made, event) else made


FAULTS: Final[tuple[tuple[str, str, Change], ...]] = (
    ("packets_pass_for_those_let_in_and_connected", "admission", evolvers(ev.Disconnected, lambda room, _: room)),
    ("the_host_is_in", "admission", evolvers(ev.Left, keep_the_role)),
    ("hosts_are_clinicians", "admission", evolvers(ev.Left, pass_the_role_on)),
    ("guests_fit_the_room", "crowded", (hosting, "free_places", lambda _room: 9)),
    ("who_was_put_out_has_no_place", "admission", evolvers(ev.Removed, RIGHT[ev.Left])),
    (
        "each_link_is_one_persons",
        "admission",
        evolvers(ev.Arrived, lambda room, e: replace(RIGHT[ev.Arrived](room, e), invitations=room.invitations)),
    ),
    (
        "nobody_sees_more_than_they_may",
        "admission",
        (rules, "visible_to", lambda room, _: room.at(Place.ADMITTED)),
    ),
    (
        "one_shares_who_is_there",
        "sharing-and-recognising",
        evolvers(ev.Disconnected, lambda room, event: one(room, event, connection=None)),
    ),
    (
        "holders_of_host_links_do_not_wait",
        "two hosts",
        always(ev.SentToWaiting, c.SendToWaiting),
    ),
    (
        "nobody_has_a_place_after_the_end",
        "admission",
        evolvers(ev.RoomEnded, lambda room, event: replace(room, ended_at=event.at)),
    ),
    (
        "no_admission_is_lost",
        "admission",
        evolvers(ev.Disconnected, lambda room, event: one(room, event, connection=None, place=Place.WAITING)),
    ),
    (
        "no_place_in_the_queue_is_lost",
        "admission",
        evolvers(ev.Reconnected, lambda room, e: one(RIGHT[ev.Reconnected](room, e), e, since=e.at)),
    ),
    (
        "what_is_for_good_stays",
        "admission",
        evolvers(ev.LockChanged, lambda room, e: everybody(RIGHT[ev.LockChanged](room, e), barred=False)),
    ),
    (
        "nobody_takes_the_role_from_a_host_who_is_there",
        "two hosts",
        always(ev.HostTaken, c.TakeHost, previous=lambda room, _: room.host),
    ),
    ("twice_is_once", "admission", always(ev.Admitted, c.Admit)),
    (
        "late_news_change_nothing",
        "admission",
        always(ev.Disconnected, c.Disconnect, by=lambda *_: BRIDGE, connection=lambda *_: 1),
    ),
    ("a_lost_connection_takes_no_place", "admission", evolvers(ev.Disconnected, RIGHT[ev.Left])),
    ("an_admission_takes_effect", "admission", unless_locked(c.Admit)),
    ("admitting_all_leaves_nobody_who_fits", "roomy", deciders(c.AdmitAll, admit_the_first)),
    ("the_host_can_put_anybody_out", "admission", unless_locked(c.Remove)),
    ("who_comes_back_is_where_they_were", "admission", unless_locked(c.Knock)),
    ("a_host_link_leads_in", "admission", unless_locked(c.Knock)),
    ("a_spent_link_opens_nothing", "admission", (arrivals, "spent_by_now", lambda *_: None)),
    ("a_call_takes_nobodys_connection", "admission", deciders(c.Call, call_over_a_connection)),
    (
        "the_end_is_the_hosts_and_the_systems",
        "admission",
        deciders(c.End, lambda room, asked, now: [ev.RoomEnded(room=room.id, at=now, by=asked.by)]),
    ),
    ("only_the_present_host_decides", "admission", (policy, "host_standing", policy.acting_standing)),
    ("somebody_is_let_in_by_an_act_about_them", "admission", deciders(c.Admit, admit_everybody)),
    ("less_proof_needs_a_reason", "logins", (hosting, "lacks_proof", lambda *_: False)),
    ("who_enters_as_host_may_by_their_link", "logins", (arrivals, "_proves", lambda *_: True)),
    (
        "who_enters_hosts_if_nobody_does",
        "two hosts",
        tampered(c.Knock, name_of(ev.HostEntered, takes_host=True)),
    ),
    ("a_room_is_taken_once_by_one_of_its_rota", "on-duty", (duty, "taker", lambda *_: None)),
    (
        "who_takes_a_room_is_not_in_it_by_that",
        "on-duty",
        tampered(c.TakeRoom, name_of(ev.RoomTaken, by=ADMINISTRATION)),
    ),
    (
        "the_role_is_taken_with_a_host_link",
        "admission",
        always(ev.HostTaken, c.TakeHost, previous=lambda room, _: room.host),
    ),
    (
        "the_role_is_given_to_a_clinician_who_is_there",
        "admission",
        (hosting, "CLINICIANS", frozenset(Role)),
    ),
    ("the_host_is_not_put_out", "admission", always(ev.Removed, c.Remove)),
    ("newcomers_come_by_an_open_door", "admission", (arrivals, "_door_closed", lambda *_: None)),
    (
        "who_answers_was_called",
        "calls-out",
        (dialling, "_called", lambda room, command: room.participants.get(command.participant)),
    ),
    ("who_comes_back_had_a_place", "admission", deciders(c.Knock, come_in_from_outside)),
    ("a_link_is_one_logins", "logins", (arrivals, "_may_be", lambda *_: True)),
    ("who_is_recognised_is_heard", "sharing-and-recognising", always(ev.IdentityConfirmed, c.ConfirmIdentity)),
    (
        "own_acts_are_ones_own",
        "sharing-and-recognising",
        always(ev.SharingChanged, c.Sharing, on=lambda _, asked: asked.on),
    ),
    (
        "a_forbidden_microphone_stays_shut",
        "microphones",
        always(ev.SelfMuteChanged, c.SelfMute, muted=lambda _, asked: asked.muted),
    ),
    (
        "the_host_opens_no_microphone_that_its_owner_shut",
        "microphones",
        evolvers(ev.MuteChanged, lambda room, e: one(RIGHT[ev.MuteChanged](room, e), e, muted_by_self=e.muted)),
    ),
    ("a_pin_is_given_to_who_has_the_link", "another-way-in", (pins, "spent_by_now", lambda *_: None)),
    ("patients_are_kept_apart", "one-after-the-other", (hosting, "meets_another", lambda *_: False)),
    (
        "one_goes_and_the_next_comes_or_nothing_happens",
        "one-after-the-other",
        deciders(c.SeeOff, see_off_whoever_follows),
    ),
    (
        "the_lock_follows_the_guests",
        "one-after-the-other",
        (locking, "_guests", lambda room: bool(room.at(Place.WAITING))),
    ),
    (
        "turns_and_substitutes_are_arranged_by_those_who_may",
        "turns",
        (timing, "_may", lambda *_: None),
    ),
    ("a_still_is_between_two_who_stay", "still-pictures", (stills, "settle", lambda _room, outcome: outcome)),
    (
        "what_became_of_a_still_is_said_by_its_two",
        "still-pictures",
        (stills, "_known_to", lambda *_: frozenset(StillEnd)),
    ),
    (
        "consent_is_ones_own",
        "consents",
        tampered(c.Consent, name_of(ev.Consented, by=ADMINISTRATION)),
    ),
    (
        "links_are_moved_and_noted_by_the_system",
        "expiry-and-revocation",
        (invitations, "is_administration", lambda _by: True),
    ),
    ("links_are_made_by_those_who_may", "invitations", (acts, "may_invite", lambda *_, **__: None)),
    ("links_are_revoked_by_those_who_may", "expiry-and-revocation", (acts, "is_administration", lambda _by: True)),
    (
        "the_bridge_notes_what_was_lost",
        "admission",
        tampered(c.Disconnect, name_of(ev.Disconnected, by=ADMINISTRATION)),
    ),
    ("people_leave_of_their_own_will", "admission", tampered(c.Leave, name_of(ev.Left, by=ADMINISTRATION))),
)


def test_every_rule_has_a_fault_that_it_finds() -> None:
    """A rule that nothing breaks might as well not be there."""
    assert {rule for rule, _, _ in FAULTS} == RULES.names


@pytest.mark.parametrize(("rule", "world", "change"), FAULTS, ids=[rule for rule, _, _ in FAULTS])
def test_a_fault_is_found(monkeypatch: pytest.MonkeyPatch, rule: str, world: str, change: Change) -> None:
    """By the rule that is about it, with the shortest way to it."""
    where, what, how = change
    monkeypatch.setattr(where, what, how)
    with pytest.raises(Broken) as found:
        explore(WORLDS[world], RULES.only(rule), most=ENOUGH_STATES)
    assert found.value.rule == rule
    assert len(found.value.path) <= 8
