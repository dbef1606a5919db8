from models_registry.services.evaluations import record_evaluation
from models_registry.services.gate import gate_terms, judge_gate, standing_verdict
from models_registry.services.lookup import artifact_path, canary_version, predecessor_of, production_version
from models_registry.services.promotion import can_promote, check_can_promote, promote_version
from models_registry.services.registration import register_version
from models_registry.services.rollback import roll_back, take_back, withdraw_canary

__all__ = [
    "artifact_path",
    "can_promote",
    "canary_version",
    "check_can_promote",
    "gate_terms",
    "judge_gate",
    "predecessor_of",
    "production_version",
    "promote_version",
    "record_evaluation",
    "register_version",
    "roll_back",
    "standing_verdict",
    "take_back",
    "withdraw_canary",
]
