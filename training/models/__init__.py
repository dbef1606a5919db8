from training.models.sampling_job import SamplingJob
from training.models.training_run import Recipe, RunStatus, TrainingRun

__all__ = ["Recipe", "RunStatus", "SamplingJob", "TrainingRun"]
