"""Calculators: a citizen's own figures from rules that are data; one module and one sheet each."""
