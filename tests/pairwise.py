"""Sets of combinations of options that hold every pair of values."""

import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Factors = Mapping[str, Sequence[Any]]
Row = dict[str, Any]
Pair = frozenset[tuple[str, Any]]

_CANDIDATES = 4  # rows made before the best of them is taken


def pairs_in(row: Row) -> Iterator[Pair]:
    """Every two values that stand together in a row, each with the name of its factor."""
    return map(frozenset, itertools.combinations(row.items(), 2))


def all_pairs(factors: Factors) -> set[Pair]:
    """Every two values of different factors."""
    return {
        frozenset([(a, x), (b, y)])
        for a, b in itertools.combinations(factors, 2)
        for x, y in itertools.product(factors[a], factors[b])
    }


def covering_set(factors: Factors, prefer: Row, seed: int = 0) -> list[Row]:
    """Rows in which every two values of different factors stand together at least once.

    Each row begins with a pair that no row has yet, then gives one factor after the other, in
    random order, the value that makes the most new pairs.

    Source: Cohen, Dalal, Fredman & Patton, "The AETG system: an approach to testing based on
    combinatorial design" (1997).

    Args:
        factors: the values of every factor, by its name.
        prefer: the values to take where no value makes more new pairs than another; of other
            factors any of them.
        seed: of what is random.

    Returns:
        The rows, the same for the same arguments.
    """
    rng = random.Random(seed)
    order = {item: i for i, item in enumerate((n, v) for n in factors for v in factors[n])}
    missing = {
        tuple(sorted(pair, key=order.__getitem__)): pair
        for pair in sorted(all_pairs(factors), key=lambda p: sorted(map(order.__getitem__, p)))
    }
    left = set(missing.values())
    rows = []
    for first, pair in missing.items():
        if pair not in left:
            continue
        candidates = [_row(factors, first, left, prefer, rng) for _ in range(_CANDIDATES)]
        row = max(candidates, key=lambda r: len(left.intersection(pairs_in(r))))
        left.difference_update(pairs_in(row))
        rows.append({name: row[name] for name in factors})
    return rows


def _row(
    factors: Factors,
    first: tuple[tuple[str, Any], ...],
    left: set[Pair],
    prefer: Row,
    rng: random.Random,
) -> Row:
    row = dict(first)
    names = [name for name in factors if name not in row]
    rng.shuffle(names)
    for name in names:
        values = rng.sample(factors[name], len(factors[name]))
        if name in prefer:
            values.sort(key=lambda v: v != prefer[name])
        items = list(row.items())
        row[name] = max(
            values, key=lambda v: sum(frozenset([(name, v), item]) in left for item in items)
        )
    return row


def each_value_with(fixed: Row, factors: Factors, seed: int = 0) -> list[Row]:
    """The fewest rows that all hold `fixed`, and in which every other value stands once."""
    rng = random.Random(seed)
    free = {n: rng.sample(values, len(values)) for n, values in factors.items() if n not in fixed}
    return [
        {
            name: fixed[name] if name in fixed else free[name][i % len(free[name])]
            for name in factors
        }
        for i in range(max(map(len, free.values())))
    ]
