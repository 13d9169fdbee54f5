"""``nmt evaluate``, for ``ray job submit -- python jobs/evaluate.py``."""

from nmt.cli.application import main

if __name__ == "__main__":
    main("evaluate")
