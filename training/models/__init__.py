from training.models.claimed_work import RunStatus
from training.models.sampling_job import SamplingJob
from training.models.scoring_job import ScoringJob
from training.models.training_run import FEATURES, TRAINED, Recipe, TrainingRun

__all__ = ["FEATURES", "TRAINED", "Recipe", "RunStatus", "SamplingJob", "ScoringJob", "TrainingRun"]
