"""``python -m sklearn_temo``."""

from .cli import main

raise SystemExit(main())
