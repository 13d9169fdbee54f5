"""``nmt train``, for ``ray job submit -- python jobs/train.py``."""

from nmt.cli.application import main

if __name__ == "__main__":
    main("train")
