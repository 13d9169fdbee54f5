"""``nmt cache``, for ``ray job submit -- python jobs/cache.py``."""

from nmt.cli.application import main

if __name__ == "__main__":
    main("cache")
