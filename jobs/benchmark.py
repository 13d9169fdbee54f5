"""``nmt benchmark``, for ``ray job submit -- python jobs/benchmark.py``."""

from nmt.cli.application import main

if __name__ == "__main__":
    main("benchmark")
