"""Three to nine answers from best to worst, equals allowed."""
