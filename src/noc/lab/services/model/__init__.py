"""A stand-in for a model behind OpenAI's chat completions (https://platform.openai.com/docs/api-reference/chat).

It thinks nothing: it gives the answers that it was told to give, or, switched to `obedient`, it calls whatever tool a
text among its messages tells it to call, be it a person's or a log line's: the worst model that an agent could have.

The side entrance, below `/_stand-in/`: `POST script` {"answers": [...]}, `POST mode` {"obedient": true},
`GET requests`, `DELETE` all of it. An answer is {"say": text}, {"call": [{"name", "arguments"}]}, {"cut": text} (the
stream ends in the middle), or {"refuse": 429} (or 500, 503).
"""
