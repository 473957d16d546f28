"""The card of a system: its parts, and the recordings that they were trained on, from its index.

Training keeps this section of `CARD.md` up to date; whatever a person writes around it stays.

    update_card(Path("runs/mine/system"))
"""

from pathlib import Path
from typing import Any

from musiclm.checkpoint import atomic_path
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
    return "\n".join(lines)


def _shares(hours: dict[str, float]) -> str:
    return ", ".join(f"{name.replace('|', '/')} {value:.1f}" for name, value in hours.items())
