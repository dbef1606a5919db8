"""A small engine: OpenAI's chat completions over HTTP for directories of safetensors, batched token by token.

It is what `make run` starts where there is no vLLM. One base model stays in memory, every version stands on it with its
own adapter, and requests to one version are decoded together: a new one joins at the next token, a finished one leaves.
No Django here, and nothing of Accord's but the directories that it is told to serve.
"""
