"""OpenAI's endpoints as its clients use them. What they send and this server cannot do is refused, never ignored.

`request/` is what clients may ask: `schemas.py` what requests hold, `refusals.py` what is refused, `forms.py` grammars
by any name, `limits.py` values to sampling parameters, `prompts.py` text to ids. `choices.py` is the choices of one
request, running together; `transcript.py` which token said which letters; `sse.py` streams of events. Then the
endpoints: `chat.py`, `responses.py` (a chat in newer words; `memory.py` keeps the latest for a while, `stored.py`
returns them), `completions.py`, `embeddings.py`, `catalogue.py` (models, health of the key), `tokens.py`.
"""
