from training.models.sampling_job import SamplingJob
from training.models.scoring_job import ScoringJob
from training.models.training_run import FEATURES, Recipe, RunStatus, TrainingRun

__all__ = ["FEATURES", "Recipe", "RunStatus", "SamplingJob", "ScoringJob", "TrainingRun"]
