"""Decoding on a CPU beside a Transformer in CTranslate2, float32 and int8, in turn, on one core.

MODEL is ours with its graphs (`nmt export`). PEER is a folder with a CTranslate2 model in `float32`
and in `int8`, and their SentencePiece model `source.spm`. SOURCE and TARGET are text files, line
for line, perhaps .gz. CTranslate2 and SentencePiece come from the interpreter of --peer-python.
Both begin and end with text; ours also returns the attention, the places of the words and a score.

Prints for each search and batching the sentences per CPU-second (median of three, after a run that
warms up), BLEU, and the length of the translations over that of the references; then what a fresh
process needs for one sentence and for all, and the bytes of each model. With a shortlist,
CTranslate2 gets the list of MODEL's lexicon as its vmap.

    taskset -c 1 python benchmarks/beside_ctranslate2.py MODEL PEER SOURCE TARGET [--peer-python P]
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_SEARCHES: dict[str, dict[str, int]] = {
    "greedy": {"beam": 1, "shortlist": 0},
    "beam 5": {"beam": 5, "shortlist": 0},
    "beam 5, shortlist 20": {"beam": 5, "shortlist": 20},
}
_BATCHES = {"64": 64, "16": 16, "by tokens": 0}
_BATCH_TOKENS = 2048  # of a batch by tokens; with a beam fewer, as `nmt.inference.decoding` has it
_COMMON = 2000  # target tokens on every shortlist, the default of search.shortlist_common
_LONGEST = 100  # tokens of a translation of the peer; ours depends on the source
_PRECISIONS = "float32", "int8"
_ROUNDS = 3
_THREADS = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
_OTHER_PRECISION = {"float32": r".*_int8.*\.onnx", "int8": r"(encode|decode|predict)(-\w+)?\.onnx"}

Translate = Callable[..., list[str]]  # of texts, beam, shortlist and batch


def ours(model: str, precision: str) -> Translate:
    """Load this project's MODEL for ONNX Runtime."""
    from nmt.inference.translator import Translator, load_model
    from nmt.settings import SearchSettings

    search = SearchSettings.model_validate({"runtime": "onnx", "precision": precision})
    bundle = load_model(model, search, threads=1).bundle
    assert "tensorflow" not in sys.modules
    translators: dict[int, Translator] = {}

    def translate(texts: list[str], beam: int, shortlist: int, batch: int) -> list[str]:
        if batch not in translators:
            translators[batch] = Translator(bundle, search, batch or None)
        options = {"beam_size": beam, "shortlist": shortlist, "shortlist_common": _COMMON}
        return [one.text for one in translators[batch].translate(texts, **options)]

    return translate


def peer(model: str, precision: str) -> Translate:
    """Load a CTranslate2 model, and `source.spm` beside its folder."""
    import ctranslate2
    import sentencepiece

    pieces = sentencepiece.SentencePieceProcessor(
        model_file=str(Path(model).parent / "source.spm"), num_threads=1
    )
    translator = ctranslate2.Translator(
        model, device="cpu", compute_type=precision, intra_threads=1, inter_threads=1
    )

    def translate(texts: list[str], beam: int, shortlist: int, batch: int) -> list[str]:
        results = translator.translate_batch(
            pieces.encode(texts, out_type=str),
            beam_size=beam,
            max_batch_size=batch or _BATCH_TOKENS // -(-beam // 2),
            batch_type="examples" if batch else "tokens",
            length_penalty=1.0,
            max_decoding_length=_LONGEST,
            use_vmap=shortlist > 0,
        )
        return [pieces.decode(result.hypotheses[0]) for result in results]

    return translate


def serve(system: str, model: str, precision: str) -> None:
    """Answer requests, a line of JSON each: the translations, CPU-seconds and peak memory."""
    translate = {"ours": ours, "CTranslate2": peer}[system](model, precision)
    for line in sys.stdin:
        request = json.loads(line)
        start = time.process_time()
        texts = translate(**request)
        end = time.process_time()
        answer = {"texts": texts, "seconds": end - start, "cpu": end, "peak": _peak_bytes()}
        print(json.dumps(answer), flush=True)


def _peak_bytes() -> int:
    """See `nmt.process.peak_bytes`, which the peer's interpreter lacks; Linux only."""
    match = re.search(r"^VmHWM:\s*(\d+) kB$", Path("/proc/self/status").read_text(), re.M)
    return 1024 * int(match[1]) if match else 0


class Worker:
    """A system with one model, in a process of its own.

    Args:
        python: the interpreter.
        system: ``ours`` or ``CTranslate2``.
        model: the folder.
        precision: ``float32`` or ``int8``.
    """

    def __init__(self, python: str, system: str, model: Path, precision: str) -> None:
        self.system, self.precision, self._start = system, precision, time.monotonic()
        self._process = subprocess.Popen(
            [python, __file__, "--serve", system, str(model), precision],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **_THREADS},
        )

    def translate(self, texts: list[str], **options: int) -> dict[str, Any]:
        """The answer of `serve`, and the seconds since the process was started."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"texts": texts, **options}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.system}, {self.precision}: ended, see above")
        return json.loads(line) | {"age": time.monotonic() - self._start}

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


class Table:
    """Measures and prints.

    Args:
        options: of the command line.
        scratch: folder for the peer's models with a vmap.
    """

    def __init__(self, options: argparse.Namespace, scratch: Path) -> None:
        self._texts, self._references = _lines(options.source), _lines(options.target)
        self._model, self._peer, self._scratch = options.model, options.peer, scratch
        self._pythons = {"ours": sys.executable, "CTranslate2": options.peer_python}

    def speed(self, searches: list[str], batches: list[str]) -> None:
        """Sentences per CPU-second of each search, batching and precision."""
        import sacrebleu

        print(
            "| search | batch | precision | ours | CTranslate2 | ratio "
            "| BLEU, ours | BLEU, CTranslate2 | length, ours | length, CTranslate2 |\n"
            "|---|---|---|---:|---:|---:|---:|---:|---:|---:|",
            flush=True,
        )
        workers = self._workers(self._peer)
        for search in searches:
            if _SEARCHES[search]["shortlist"]:
                self._close(workers)
                workers = self._workers(self._with_vmap(_SEARCHES[search]["shortlist"]))
            for batch in batches:
                options = {**_SEARCHES[search], "batch": _BATCHES[batch]}
                seconds: dict[Worker, list[float]] = {worker: [] for worker in workers}
                scores = {}
                for number in range(1 + _ROUNDS):
                    for worker in workers:
                        answer = worker.translate(self._texts, **options)
                        if number:  # the first one warms up
                            seconds[worker].append(answer["seconds"])
                            continue
                        scores[worker] = sacrebleu.corpus_bleu(answer["texts"], [self._references])
                for precision in _PRECISIONS:
                    both = [worker for worker in workers if worker.precision == precision]
                    speeds = [len(self._texts) / statistics.median(seconds[one]) for one in both]
                    bleu = " | ".join(f"{scores[one].score:.2f}" for one in both)
                    length = " | ".join(
                        f"{scores[one].sys_len / scores[one].ref_len:.3f}" for one in both
                    )
                    print(
                        f"| {search} | {batch} | {precision} | {speeds[0]:,.0f} | {speeds[1]:,.0f} "
                        f"| {speeds[0] / speeds[1]:.2f} | {bleu} | {length} |",
                        flush=True,
                    )
        self._close(workers)

    def start(self) -> None:
        """Seconds and memory of fresh processes, and bytes on disk."""
        print(
            "\n| system | precision | seconds to the first sentence | CPU-seconds | MB | "
            "MB, all, beam 5, batch 64 | MB on disk |\n|---|---|---:|---:|---:|---:|---:|"
        )
        for precision in _PRECISIONS:
            for system in self._pythons:
                first = []
                for number in range(_ROUNDS):
                    worker = self._worker(system, precision, self._peer)
                    first.append(worker.translate(self._texts[:1], beam=5, shortlist=0, batch=64))
                    if number + 1 == _ROUNDS:
                        every = worker.translate(self._texts, beam=5, shortlist=0, batch=64)
                    worker.close()
                age, cpu, peak = (
                    statistics.median(answer[key] for answer in first)
                    for key in ("age", "cpu", "peak")
                )
                print(
                    f"| {system} | {precision} | {age:.2f} | {cpu:.2f} | {peak / 2**20:.0f} | "
                    f"{every['peak'] / 2**20:.0f} | {self._bytes(system, precision) / 2**20:.1f} |",
                    flush=True,
                )

    def _worker(self, system: str, precision: str, peer: Path) -> Worker:
        model = self._model if system == "ours" else peer / precision
        return Worker(self._pythons[system], system, model, precision)

    def _workers(self, peer: Path) -> list[Worker]:
        return [self._worker(system, one, peer) for one in _PRECISIONS for system in self._pythons]

    def _close(self, workers: list[Worker]) -> None:
        for worker in workers:
            worker.close()

    def _bytes(self, system: str, precision: str) -> int:
        """What is read of a model of this precision, and its vocabulary."""
        if system == "ours":
            other = re.compile(_OTHER_PRECISION[precision])
            files = [file for file in self._model.iterdir() if not other.fullmatch(file.name)]
        else:
            files = [*(self._peer / precision).iterdir(), self._peer / "source.spm"]
        return sum(file.stat().st_size for file in files)

    def _with_vmap(self, shortlist: int) -> Path:
        """A folder like PEER whose models have the shortlist of MODEL as their vmap."""
        from nmt import bundle
        from nmt.storage.location import Location

        own = bundle.load(Location(self._model), "onnx", threads=1)
        lexicon, source, target = own.lexicon, own.source_vocabulary, own.target_vocabulary
        if lexicon is None:
            raise SystemExit(f"{self._model}: has no lexicon for a shortlist; leave the search out")
        lines = ["\t" + " ".join(target.tokens(lexicon.frequent[:_COMMON].tolist()))]
        for piece, candidates in enumerate(lexicon.candidates[:, :shortlist].tolist()):
            likely = target.tokens([one for one in candidates if one])
            lines.append(f"{source.tokens([piece])[0]}\t{' '.join(likely)}")
        (self._scratch / "source.spm").symlink_to((self._peer / "source.spm").resolve())
        for precision in _PRECISIONS:
            folder = self._scratch / precision
            folder.mkdir()
            for file in (self._peer / precision).iterdir():
                if file.name != "vmap.txt":
                    (folder / file.name).symlink_to(file.resolve())
            (folder / "vmap.txt").write_text("\n".join(lines) + "\n", "utf-8")
        return self._scratch


def _check_peer(python: str) -> None:
    command = [python, "-c", "import ctranslate2, sentencepiece"]
    if subprocess.run(command, capture_output=True).returncode:
        raise SystemExit(
            f"{python}: has no ctranslate2 or no sentencepiece; install both there, or name "
            "another interpreter with --peer-python"
        )


def _lines(file: Path) -> list[str]:
    data = file.read_bytes()
    text = (gzip.decompress(data) if file.suffix == ".gz" else data).decode()
    return text.splitlines()


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(usage="see the head of this file")
    for name in ("model", "peer", "source", "target"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--peer-python", default=sys.executable)
    parser.add_argument("--search", action="append", choices=_SEARCHES, help="all by default")
    parser.add_argument("--batch", action="append", choices=_BATCHES, help="all by default")
    parser.add_argument("--no-start", action="store_true", help="leave out the second table")
    options = parser.parse_args()
    _check_peer(options.peer_python)
    with tempfile.TemporaryDirectory() as scratch:
        table = Table(options, Path(scratch))
        table.speed(options.search or list(_SEARCHES), options.batch or list(_BATCHES))
        if not options.no_start:
            table.start()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(*sys.argv[2:])
    else:
        main()
