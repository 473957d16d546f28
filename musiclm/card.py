"""The card of a system: its parts, their training data and how each was made, from its index.

Training keeps this section of `CARD.md` up to date; whatever a person writes around it stays.

    update_card(Path("runs/mine/system"))
"""

from pathlib import Path
from typing import Any

from musiclm.checkpoint import atomic_path
from musiclm.origin import UNKNOWN, Origin, read_origin
from musiclm.system import describe

NAME = "CARD.md"
BEGIN = "<!-- parts and data: kept up to date by musiclm train -->"
END = "<!-- end of parts and data -->"
INVITATION = (
    "Say here what it is for, how good it is (with n and the command) and what it cannot do."
)


def update_card(folder: Path) -> None:
    """Write the section of parts and data into a system's card, or begin the card with it."""
    path = folder / NAME
    facts = describe(folder)
    section = f"{BEGIN}\n{parts_and_data(facts)}\n{END}"
    card = (
        path.read_text() if path.exists() else f"# {facts['name']}\n\n{INVITATION}\n\n{section}\n"
    )
    if BEGIN in card and END in card:
        before, rest = card.split(BEGIN, 1)
        card = before + section + rest.split(END, 1)[1]
    elif section not in card:
        card = f"{card.rstrip()}\n\n{section}\n"
    with atomic_path(path) as temporary:
        temporary.write_text(card)


def parts_and_data(facts: dict[str, Any]) -> str:
    """What `describe` says, as Markdown."""
    lines = [
        "## Parts",
        "",
        "| part | parameters | MB | rate | fingerprint |",
        "|---|---|---|---|---|",
    ]
    for noun, part in facts["parts"].items():
        lines.append(
            f"| {noun} | {part['parameters'] / 1e6:.2f} M | {part['megabytes']:.1f} "
            f"| {part['rate']} | {part['fingerprint'][:12]} |"
        )
    lines += ["", "## Training data", ""]
    lines += [
        "| part | clips | hours | licences (hours) | sources (hours) |",
        "|---|---|---|---|---|",
    ]
    for noun, part in facts["parts"].items():
        data = part["data"]
        cells = (
            [str(data["clips"]), f"{data['hours']:.1f}", _shares(data["licences"])]
            + [_shares(data["sources"])]
            if data
            else ["not recorded", "", "", ""]
        )
        lines.append(f"| {noun} | {' | '.join(cells)} |")
    lines += ["", "## How each part was made", ""]
    for noun, part in facts["parts"].items():
        lines += how_made(noun, read_origin(part["origin"], noun))
    return "\n".join(lines)


def how_made(noun: str, origin: Origin | None) -> list[str]:
    """A part's origin as an entry of a list, with an entry below for each run that went before."""
    if origin is None:
        return [f"- {noun}: {UNKNOWN}"]
    lines = [f"- {noun}: {origin.told}{_composed(origin.data)}"]
    for earlier in origin.started_from:
        which = f"`{earlier.fingerprint[:12]}`" if earlier.fingerprint else "other weights"
        lines.append(f"  - went on from {which}: {earlier.told}{_recordings(earlier.data)}")
    return lines


def _recordings(data: dict[str, Any]) -> str:
    """Of an earlier run, which has no row in the table of training data."""
    if not data:
        return ""
    licences = _shares(data.get("licences", {}))
    hours = f"; {data.get('clips', 0):,} clips, {data.get('hours', 0.0):.1f} h ({licences})"
    return hours + _composed(data)


def _composed(data: dict[str, Any]) -> str:
    """What only our own corpus knows."""
    seeds, soundfonts = data.get("seeds", []), data.get("soundfonts", {})
    told = f"; composed with seed{'s' * (len(seeds) > 1)} " + ", ".join(map(str, seeds))
    return (told if seeds else "") + (f"; played by {_shares(soundfonts)} h" if soundfonts else "")


def _shares(hours: dict[str, float]) -> str:
    return ", ".join(f"{name.replace('|', '/')} {value:.1f}" for name, value in hours.items())
