"""smolagents, its model alone: an agent's own prompt has more tokens than a small context. BASE_URL QUESTION"""

from cases import BASE_URL, QUESTION, run
from smolagents import CodeAgent, OpenAIServerModel

MODEL = OpenAIServerModel(model_id="pip", api_base=BASE_URL, api_key="none", temperature=0, max_tokens=24)
MESSAGES = [{"role": "user", "content": [{"type": "text", "text": QUESTION}]}]

run(
    {
        "chat": lambda: MODEL(MESSAGES).content,
        "stream": lambda: "".join(delta.content or "" for delta in MODEL.generate_stream(MESSAGES)),
        "agent": lambda: CodeAgent(tools=[], model=MODEL, max_steps=1, verbosity_level=0).run(QUESTION),
    }
)
