from models_registry.models.evaluation import Evaluation
from models_registry.models.gate_verdict import GateVerdict
from models_registry.models.model_version import Method, ModelVersion, Stage, VersionKind
from models_registry.models.promotion import Promotion

__all__ = ["Evaluation", "GateVerdict", "Method", "ModelVersion", "Promotion", "Stage", "VersionKind"]
