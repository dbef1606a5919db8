"""`python -m engine --root DIRECTORY [--root DIRECTORY] --port PORT`: serve the model directories below them."""

import argparse
import os
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import torch  # noqa: E402 - the settings above are read at import
import uvicorn  # noqa: E402
from transformers.utils import logging as transformers_logging  # noqa: E402

from engine.http import make_app  # noqa: E402
from engine.scheduler import Scheduler  # noqa: E402
from engine.versions import Versions  # noqa: E402


def main() -> None:
    """Parse the arguments and serve until told to stop."""
    parser = argparse.ArgumentParser(prog="engine", description=__doc__)
    parser.add_argument("--root", type=Path, required=True, action="append", help="directory of model directories")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8002)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0: torch's choice")
    parser.add_argument("--max-rows", type=int, default=32, help="completions decoded at once")
    parser.add_argument("--keep", type=int, default=4, help="versions kept in memory")
    asked = parser.parse_args()
    if asked.threads:
        torch.set_num_threads(asked.threads)
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    for root in asked.root:
        root.mkdir(parents=True, exist_ok=True)
    scheduler = Scheduler(
        Versions(asked.root, device=torch.device(asked.device), keep=asked.keep), max_rows=asked.max_rows
    )
    uvicorn.run(make_app(scheduler), host=asked.host, port=asked.port, log_level="warning", timeout_graceful_shutdown=3)


if __name__ == "__main__":
    main()
