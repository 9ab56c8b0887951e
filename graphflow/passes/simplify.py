"""Algebraic simplification: the rules, in the order in which they are tried, until none fires."""

from __future__ import annotations

from collections import Counter

from graphflow.passes import arithmetic, movement
from graphflow.passes.engine import rewrite_program
from graphflow.passes.match import Rule
from graphflow.program import Program

RULES: tuple[Rule, ...] = tuple(
    rule for module in (movement, arithmetic) for rule in vars(module).values() if isinstance(rule, Rule)
)  # in the order in which the modules define them


def simplify(program: Program, fired: Counter[str] | None = None) -> Program:
    """Fewer and cheaper operations of the same values: see the rules for what each keeps, and why."""
    return rewrite_program(program, RULES, fired)
