"""How an answer is asked of a ModelVersion: OpenAI's chat completions over HTTP, and nothing else."""

from models_registry.engine.answer import Completion, Piece
from models_registry.engine.complete import complete
from models_registry.engine.endpoint import EngineEndpoint, endpoint_of
from models_registry.engine.stream import stream, stream_now
from models_registry.engine.warming import warm_up

__all__ = ["Completion", "EngineEndpoint", "Piece", "complete", "endpoint_of", "stream", "stream_now", "warm_up"]
