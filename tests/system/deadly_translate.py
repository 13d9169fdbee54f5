"""jobs/translate.py with an actor that some rows kill."""

import os
import runpy
import signal
import sys

sys.path.insert(0, ".")
from nmt.translation import job


class DeadlyActor(job.DecodeActor):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        decode = self._translator.decoder.decode

        def deadly(sources, *arguments, **options):
            if any("deadly" in source.text for source in sources):
                os.kill(os.getpid(), signal.SIGKILL)
            return decode(sources, *arguments, **options)

        self._translator.decoder.decode = deadly


def begin(self, *arguments, begin=job.Output.begin):
    manifest = begin(self, *arguments)
    # Some of its deaths lie behind it already: each costs the start of an actor.
    attempts = self.location / "_units/00000.attempts"
    attempts.write_json({"begun": 3, "spans": {"0-64": 1}})
    return manifest


job.DecodeActor, job.Output.begin = DeadlyActor, begin
runpy.run_path("jobs/translate.py", run_name="__main__")
