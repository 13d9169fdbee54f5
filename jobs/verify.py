"""``nmt verify``, for ``ray job submit -- python jobs/verify.py``."""

from nmt.cli.application import main

if __name__ == "__main__":
    main("verify")
