"""``nmt prepare``, for ``ray job submit -- python jobs/prepare.py``."""

from nmt.cli.application import main

if __name__ == "__main__":
    main("prepare")
