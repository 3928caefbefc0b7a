"""``python -m kam3`` is ``kam3``."""

from __future__ import annotations

import sys

from kam3.cli import main

if __name__ == "__main__":
    sys.exit(main())
