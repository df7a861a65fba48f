"""The words of the world: its people, towns, goods and calendar.

Every name, town, modifier and noun below is written so that the pocket tokenizer makes one token of it, which keeps the
embedded model's work about language rather than spelling (`tests/shared/test_pocket.py` holds this).
"""

from shared.world.splits import Split, members, split_of

COMPANY = "Lanternwick Outfitters"

FIRST_NAMES = (
    "Ada Alba Anders Astrid Basil Beata Birgit Bruno Calla Casper Cleo Daphne Dorian Edith Eero Elowen Emil Esme "
    "Felix Flora Frida Gideon Gilda Hanna Harald Hilda Idris Ines Ingrid Jasper Juno Kaia Klara Lars Leona Linnea "
    "Ludo Magnus Maren Mira Moss Nadia Nell Niko Olive Oskar Pavel Philippa Ragna Remy Rufus Saga Selma Silas Sigrid "
    "Tobias Una Viggo Wanda Yorick"
).split()

LAST_NAMES = (
    "Abbott Alcott Barrow Beck Bexley Bramble Carver Chandler Cobb Crowe Dahl Denholm Dray Eastman Ekman Fairfax "
    "Falk Fletcher Frost Gale Garner Grove Hadley Halloran Hart Holm Hume Ibsen Jarvis Keane Kirby Lund Lyle Mallory "
    "Mercer Moreau Nyman Oakley Ormond Paget Partridge Pym Quimby Radley Rayne Reeve Rowntree Sable Sedgwick Selby "
    "Stoddard Sterling Tarrant Thatcher Tolliver Underwood Varley Voss Wetherby Whitlock Winslow Wolfe Wren Wyatt "
    "Yates York Zander Zimmer Lindqvist Marlowe"
).split()

_TOWN_STARTS = (
    "Alder Apple Barley Birch Black Bridge Bright Cold Crow Dark Deep Dun Elder Fair Fern Glen Gold Gray Green Hart "
    "Hazel Heron Hill Holly Iron Kings Lake Lark Long Maple Marsh Mill New Oak Otter Rose Sand Silver Stone Thistle"
).split()
_TOWN_ENDS = (
    "bank beck borough bourne brook burn bury combe croft fell ford gate ham hollow ley mouth over reach wick worth"
).split()
# Six ends a start, spread so that every end is used: 240 towns.
TOWNS = [
    start + end for i, start in enumerate(_TOWN_STARTS) for j, end in enumerate(_TOWN_ENDS) if (3 * i + 7 * j) % 10 < 3
]

MATERIALS = ("brass copper tin steel iron silver oak pine cedar bamboo wool linen canvas leather velvet glass").split()
MODIFIERS = [
    *MATERIALS,
    *"mountain river forest desert winter summer small large heavy folding striped blue green yellow".split(),
]
NOUNS = (
    "lantern tent rope kettle compass stove blanket hatchet hammock rucksack boot cloak flask mug knife whistle map "
    "stool cot bucket shovel hat paddle net candle"
).split()
ITEMS = [f"{modifier} {noun}" for modifier in MODIFIERS for noun in NOUNS]

ROLES = "baker carpenter gardener librarian miller painter sailor shepherd teacher tailor".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday".split()
WEATHERS = "rain snow fog sun wind frost".split()
PARTS_OF_DAY = "morning afternoon evening".split()
NUMBER_WORDS = "one two three four five six seven eight nine".split()

_IRREGULAR = {"knife": "knives"}

ITEMS_BY_SPLIT: dict[Split, list[str]] = {"train": [], "public": [], "hidden": []}
for _item in ITEMS:
    ITEMS_BY_SPLIT[split_of(_item)].append(_item)

NAMES_BY_SPLIT: dict[Split, list[str]] = {"train": [], "public": [], "hidden": []}
for _name in (f"{first} {last}" for first in FIRST_NAMES for last in LAST_NAMES):
    NAMES_BY_SPLIT[split_of(_name)].append(_name)


def items(split: Split) -> list[str]:
    """Return the items that rows of `split` may be about."""
    return members(ITEMS_BY_SPLIT[split], split)


def plural(item: str) -> str:
    """Return the plural of an item or a noun: `brass compass` -> `brass compasses`."""
    *front, noun = item.split()
    many = _IRREGULAR.get(noun) or noun + ("es" if noun.endswith(("s", "x", "ch")) else "s")
    return " ".join([*front, many])


_SINGULAR = {plural(noun): noun for noun in NOUNS}


def singular(items: str) -> str:
    """Return the singular of a plural that `plural` made: `brass compasses` -> `brass compass`."""
    *front, noun = items.split()
    return " ".join([*front, _SINGULAR[noun]])


def with_article(item: str) -> str:
    """Return the item with its indefinite article: `an oak stool`, `a brass lantern`."""
    return ("an " if item[0] in "aeiou" else "a ") + item


def read_goods(goods: str) -> tuple[str, int]:
    """Read `two brass lanterns`, `2 brass lanterns`, `a brass lantern` or `brass lantern` as (item, count)."""
    first, *rest = goods.split()
    if first in ("a", "an"):
        return " ".join(rest), 1
    if first in NUMBER_WORDS:
        return singular(" ".join(rest)), NUMBER_WORDS.index(first) + 1
    if first.isdigit():
        return singular(" ".join(rest)), int(first)
    return goods, 1
