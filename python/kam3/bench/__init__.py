"""Measuring kam3: every step of an exchange, against its own paths and backends, a saved run, and other libraries.

``kam3 bench`` is the way in. `run.measure` times cases in interleaved rounds, `steps` makes kam3's cases and `peers` those of other
libraries; `report` writes what came out as JSON, CSV and Markdown, `baseline` compares it with a saved one, `figures` draws it.
"""

from __future__ import annotations
