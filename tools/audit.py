"""Recomputes every turn and order of `python -m priority audit YEAR > FILE`: python3 tools/audit.py FILE. It knows no code of the
register, only the law as docs/law/allocation.md tells it. Exit 0: all follow; 1: the first that does not, in words."""

import fileinput
import json
from collections import defaultdict
from fractions import Fraction
from hashlib import sha256
from itertools import zip_longest

# The criteria before the date of registration and the number.
CRITERIA = ("vlabinvest", "target_group", "stricter_tie", "lasting_tie", "area_tie", "informal_care")
NO = ("declined", "refused", "no_answer")  # the same home is not offered to the same dossier again
KEYS = {"dossier": ["number"], "vacancy": ["company", "id"], "priority": ["number", "company", "group"]}
TURN = ("turn", "of", "to", "how", "vacancy", "state")
WORDS = "turn {} of {} to {} ({})"


def later(day, years):  # days are compared as text: a 29 February that is not there comes before 1 March
    return f"{int(day[:4]) + years:04}{day[4:]}"


def lasting_tie(lived, on):  # five years without a break within the ten before: from s + 5 years through e + 5 years
    ends = ((s, min(end or on, on)) for s, end in lived)  # who lives there still has left it today at the earliest
    return any(later(s, 5) <= end and on <= later(end, 5).replace("-02-29", "-03-01") for s, end in ends)


class Ledger:
    """Unit i of a share w may be given from turn ⌊(i−1)/w⌋+1 on and must be by turn ⌈i/w⌉: the earliest deadline first."""

    def __init__(self, agreement):
        shares = {name: share for name, given in agreement["shares"] if (share := Fraction(given))}
        self.shares, self.whose, self.now = shares, [], {}  # whose: of turn 1, 2, …; now: turn → the rest of TURN

    def deadline(self, name, after):
        return -(-(self.whose[:after].count(name) + 1) // self.shares[name])  # rounded up

    def of(self, turn):
        while (n := len(self.whose)) < turn:  # of equal deadlines the one that the agreement names first
            may = [name for name, share in self.shares.items() if self.whose.count(name) // share <= n]
            self.whose.append(min(may, key=lambda name: self.deadline(name, n)))
        return self.whose[turn - 1]

    def next(self, groups, vacancy):
        """It stays with a group that has somebody. Else who owes repays; else it is his, else the next group's by deadline."""
        held = next(((n, *one) for n, one in self.now.items() if one[3:] == (vacancy, "live")), None)
        fitting = {*groups, "standard"}  # on whose list is whoever fits
        if held and held[2] in fitting:
            return held[:4]
        back = [n for n, one in self.now.items() if one[4] == "returned"]  # the lowest of these is given first
        turn = held[0] if held else min(back, default=len(self.now) + 1)
        of, stand = self.of(turn), [one[:2] for n, one in sorted(self.now.items()) if n not in (*back, turn)]
        for n, pair in enumerate(stand, 1):  # turns of X given to Y are set off against those of Y given to X
            if pair[1] == of != pair[0] in fitting and stand[:n].count(pair) > stand.count(pair[::-1]):
                return turn, of, pair[0], "repaid"
        if of in fitting:
            return turn, of, of, "taken"
        others = [name for name in self.shares if name in groups]
        return turn, of, min(others, key=lambda name: self.deadline(name, len(self.now)), default="standard"), "passed"


class Audit:
    def __init__(self):
        self.kept, self.ledgers, self.orders, self.lines, self.digest = defaultdict(dict), {}, 0, 0, sha256()

    def read(self, text):
        """Why this line does not follow from those before; nothing, if it does."""
        line = json.loads(text)
        kind, one, why = line["kind"], line["content"], None
        if kind == "proposal":
            if (self.lines, self.digest.hexdigest()) != (one["lines"], one["sha256"]):
                return f"of {one['lines']} lines since the last proposal {self.lines} are here: missing or changed"
            self.lines, self.digest, self.orders, why = 0, sha256(), self.orders + 1, self.proposal(one, line["on"])
        elif kind == "turn":
            now, entry = self.ledgers[one["agreement"]].now, tuple(map(one.get, TURN[1:]))
            before = "live", *["final"] * (entry[4] == "live")  # live again: the lease was taken back
            if "given" not in one and now.get(one["turn"]) not in [(*entry[:4], was) for was in before]:
                why = f"{WORDS.format(one['turn'], *entry[:3])} is {entry[4]} for {entry[3]}, which did not have it"
            now[one["turn"]] = entry
        else:
            key = tuple(one[name] for name in KEYS.get(kind, ["id"]))
            home = self.kept["vacancy"].get((one.get("company"), one.get("vacancy")))
            if kind == "special" and one["number"] not in self.fitting(home, {}, line["on"]):  # by the company's board
                why = f"{one['number']} is given {one['vacancy']} beside the turns, and may not be offered it"
            if kind == "offer" and "given" not in one and key not in self.kept[kind]:
                why = f"{one['number']} is offered {one['vacancy']}, and nobody proposed it"
            self.kept[kind.replace("special", "offer")][key] = one
            if kind == "agreement":
                self.ledgers.setdefault(one["id"], Ledger(one))
        self.digest.update(b"\n" * bool(self.lines) + text.rstrip(b"\n"))
        self.lines += 1
        return why

    def proposal(self, one, on):
        agreed, ledger = self.kept["agreement"][one["agreement"],], self.ledgers[one["agreement"]]
        home = self.kept["vacancy"][one["company"], one["vacancy"]]
        place, fits = home["municipality"], self.fitting(home, agreed, on)
        open_ = [r for r in self.kept["referral"].values() if r["number"] in fits and not r["retracted_at"]]
        open_ = [r for r in open_ if not home["target_group"] or "target_group" in fits[r["number"]]]
        open_.sort(key=lambda r: ("vlabinvest" not in fits[r["number"]], r["answered_at"], r["id"]))  # then the oldest
        referred = [(r["number"], r["group"]) for r in open_ if covers(agreed, self.kept["agreement"][r["agreement"],])]
        turn, said = ledger.next({group for _, group in referred}, home["id"]), tuple(map(one.get, TURN[:4]))
        if said != turn:
            return f"{home['id']}: {WORDS.format(*said)}; by law {WORDS.format(*turn)}"
        order = [[n, [*{"vlabinvest"} & {*fits[n]}, "oldest_referral"]] for n, group in referred if group == turn[2]]
        if turn[2] == "standard":
            since = {n: (self.kept["dossier"][n,]["registered_on"], [*map(int, n.split("."))]) for n in fits}
            by_law = sorted(fits, key=lambda n: ([name not in fits[n] for name in CRITERIA], since[n]))
            order = [[n, ["fitting_size", *fits[n], "registration_date"]] for n in by_law]
        said, due = [[one["number"]], *one["first"]], [*(first[:1] for first in order[:1]), *order[:20]]
        for at, (is_, should) in enumerate(zip_longest(said, due)):
            if is_ != should:
                return f"{home['id']}, {f'place {at}' if at else 'offered to'}: {is_ or 'nobody'}; by law {should or 'nobody'}"
        there = agreed["since"] <= on <= agreed["through"] and covers(agreed, home | {"municipalities": [place]})
        if not there and not any(entry[3:] == (home["id"], "live") for entry in ledger.now.values()):
            return f"{home['id']} has a turn of agreement {agreed['id']}, which is not in force for it on {on}"
        ledger.now[turn[0]] = (*turn[1:], home["id"], "live")
        self.kept["offer"][one["offer"],] = {**one, "state": "checking", "holds": True}
        return None

    def fitting(self, home, agreed, on):
        """Who may be offered this home that day, and the criteria that he meets."""
        this, place, years = (home["company"], home["id"]), home["municipality"], agreed.get("stricter_tie_years")
        fits, groups, most = {}, (agreed.get("vlabinvest") and "vlabinvest", home["target_group"]), home["max_persons"]
        offers, frozen = self.kept["offer"].values(), any(a <= on < b for a, b in agreed.get("freezes", ()))
        no = {o["number"] for o in offers if o["holds"] or ((o["company"], o["vacancy"]) == this and o["state"] in NO)}
        for (n,), d in self.kept["dossier"].items():
            waits = d["status"] == "registered" and n not in no and (d["paused_until"] or on) <= on and not frozen
            if waits and d["wants"].get(place, "") in (None, this[0]) and home["min_persons"] <= d["persons"] <= most:
                lived, area = d["lived"][place], (agreed.get("area_tie") and d["areas"].get(home["area"])) or ()
                stricter = years and any(later(s, years) <= on < (e or "9999-13") for s, e in lived)
                met = *((n, this[0], group) in self.kept["priority"] for group in groups), stricter
                met += lasting_tie(lived, on), lasting_tie(area, on), place in d["care"]
                fits[n] = [name for name, holds in zip(CRITERIA, met, strict=True) if holds]
        return fits


def covers(one, other):
    """Whether they have homes in common."""
    areas = one["area"] is None or other["area"] in (None, one["area"])
    return one["company"] == other["company"] and areas and set(one["municipalities"]) & set(other["municipalities"])


if __name__ == "__main__":
    with fileinput.input(mode="rb") as lines:
        if (why := next(filter(None, map((audit := Audit()).read, lines)), None)) or not lines.lineno():
            raise SystemExit(f"line {lines.lineno()}: {why or 'the file is empty'}")
    print(f"{audit.orders} orders and their turns follow")
