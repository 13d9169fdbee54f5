"""``nmt translate``, for ``ray job submit -- python jobs/translate.py``."""

from nmt.cli.application import main

if __name__ == "__main__":
    main("translate")
